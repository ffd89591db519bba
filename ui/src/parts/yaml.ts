// Writes plain data as YAML that any reader takes. Texts are quoted as in JSON, which is YAML, too, unless they are plain words.
export function yaml(value: unknown, indent = ''): string {
  if (Array.isArray(value)) return value.length === 0 ? ' []\n' : '\n' + value.map((v) => `${indent}-${item(v, indent + '  ')}`).join('')
  if (value !== null && typeof value === 'object') {
    const rows = Object.entries(value).filter(([, v]) => v !== undefined)
    return rows.length === 0 ? ' {}\n' : '\n' + rows.map(([name, v]) => `${indent}${name}:${yaml(v, indent + '  ')}`).join('')
  }
  return ` ${scalar(value)}\n`
}

function item(value: unknown, indent: string): string {
  const text = yaml(value, indent)
  return text.startsWith('\n') ? ' ' + text.slice(1 + indent.length) : text
}

const word = /^[A-Za-z][A-Za-z0-9 ._/-]*$/
const special = /^(true|false|yes|no|on|off|null|y|n)$/i
const scalar = (value: unknown) => (typeof value === 'string' && word.test(value) && !special.test(value) && !value.endsWith(' ') ? value : JSON.stringify(value ?? null))

export function download(name: string, text: string, type = 'application/yaml') {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(new Blob([text], { type }))
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000)
}
