// Writes what the admin center knows of the admin API from its description: the types, and of each operation the method, the
// path and the roles that may use it.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import openapi, { astToString } from 'openapi-typescript'
import { parse } from 'yaml'

const path = (name) => fileURLToPath(new URL(name, import.meta.url))
const source = new URL('../../docs/openapi.yaml', import.meta.url)
const head = '// Written by scripts/generate.sh from docs/openapi.yaml; do not edit.\n'

writeFileSync(path('../src/api/schema.gen.d.ts'), head + astToString(await openapi(source)))

const rows = []
for (const [address, methods] of Object.entries(parse(readFileSync(source, 'utf8')).paths)) {
  for (const [method, operation] of Object.entries(methods)) {
    if (!operation.operationId) continue
    const roles = /^For the roles (.*)\.$/.exec(operation.description)
    rows.push(`  ${operation.operationId}: ['${method.toUpperCase()}', '${address}', ${roles ? JSON.stringify(roles[1].split(', ')).replaceAll('"', "'") : 'null'}],`)
  }
}
writeFileSync(path('../src/api/operations.gen.ts'),
  `${head}// Method, path, and the roles that may; null: whoever is signed in.\nexport const table = {\n${rows.sort().join('\n')}\n} as const\n`)
