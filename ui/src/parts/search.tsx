import { SearchBox } from '@fluentui/react-components'
import { useEffect, useState } from 'react'
import { t } from '../strings'

// Search waits a moment before it asks, and keeps what is typed while the address changes.
export function Search({ value, set, className }: { value: string; set: (v: string) => void; className?: string }) {
  const [text, setText] = useState(value)
  useEffect(() => {
    if (text === value) return
    const timer = setTimeout(() => set(text), 250)
    return () => clearTimeout(timer)
  }, [text, value, set])
  return <SearchBox className={className} placeholder={t.list.search} aria-label={t.list.search} value={text} onChange={(_, d) => setText(d.value)} />
}

