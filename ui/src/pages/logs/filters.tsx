// What a log is narrowed down to. All of it stands in the address.
import { Button, Combobox, Field, Input, Option, Select, Tag, TagGroup, makeStyles } from '@fluentui/react-components'
import { useEffect, useState } from 'react'
import { useFirstOf, useObject } from '../../api/queries'
import { navigate, useAddress } from '../../router'
import { useSession } from '../../session'
import { t } from '../../strings'
import type { Filter, Kind } from './kinds'

const useStyles = makeStyles({
  bar: { display: 'flex', flexWrap: 'wrap', gap: '8px 12px', alignItems: 'end', margin: '12px 0 8px' },
  one: { '& > span, & input, & select, & .fui-Combobox': { minWidth: 0, width: '100%' }, minWidth: '140px', maxWidth: '260px', flexGrow: 1, '@media (max-width: 480px)': { minWidth: 'calc(50% - 6px)', maxWidth: 'calc(50% - 6px)' } },
  tags: { flexWrap: 'wrap', gap: '4px', marginBottom: '8px' },
})

// useFilters gives what is set of a log's filters, and a way to set several at once.
export function useFilters<T extends { id: string }>(kind: Kind<T>): [Record<string, string>, (values: Record<string, string>) => void] {
  const { query } = useAddress()
  const set: Record<string, string> = {}
  for (const name of [...kind.filters.map((f) => f.name), ...(kind.from ? ['period', 'from', 'to'] : [])]) {
    const value = query.get(name)
    if (value) set[name] = value
  }
  return [set, (values) => {
    const next = new URLSearchParams(location.search)
    for (const [name, value] of Object.entries(values)) {
      if (value) next.set(name, value)
      else next.delete(name)
    }
    navigate(location.pathname + (next.size ? `?${next}` : ''), { replace: true })
  }]
}

interface Props<T extends { id: string }> { kind: Kind<T>; set: Record<string, string>; change: (values: Record<string, string>) => void; nameOf: (filter: string, id: string) => string; problem: (name: string) => string | undefined }

export function Filters<T extends { id: string }>({ kind, set, change, nameOf, problem }: Props<T>) {
  const styles = useStyles()
  const s = t.logs
  const usedMinor = kind.filters.some((f) => f.minor && set[f.name])
  const [more, setMore] = useState(usedMinor)
  const tags = kind.filters.filter((f) => f.set && set[f.name])
  const period = set.period ?? ''
  const visible = kind.filters.filter((f) => !f.set && (!f.minor || more || set[f.name]))
  const clear = () => change(Object.fromEntries([...kind.filters.map((f) => f.name), 'period', 'from', 'to'].map((name) => [name, ''])))
  return (
    <div role="search" aria-label={t.list.filter}>
      <div className={styles.bar}>
        {kind.from && (
          <Field label={s.period} className={styles.one}>
            <Select value={period} onChange={(_, d) => change({ period: d.value, ...(d.value === 'custom' ? {} : { from: '', to: '' }) })}>{Object.entries(s.periods).map(([value, title]) => <option key={value} value={value}>{title}</option>)}</Select>
          </Field>
        )}
        {kind.from && period === 'custom' && (['from', 'to'] as const).map((name) => (
          <Field key={name} label={s[name]} className={styles.one} validationMessage={problem(kind[name])}><Input type="datetime-local" value={set[name] ?? ''} onChange={(_, d) => change({ [name]: d.value })} /></Field>
        ))}
        {visible.map((f) => (
          <Field key={f.name} label={f.title} className={styles.one} validationMessage={problem(f.name)}><One filter={f} value={set[f.name] ?? ''} change={(value) => change({ [f.name]: value })} /></Field>
        ))}
        {kind.filters.some((f) => f.minor) && <Button appearance="subtle" aria-expanded={more} onClick={() => setMore(!more)}>{more ? s.fewer : s.more}</Button>}
        {Object.keys(set).length > 0 && <Button appearance="subtle" onClick={clear}>{t.list.clear}</Button>}
      </div>
      {tags.length > 0 && (
        <TagGroup className={styles.tags} aria-label={s.only} onDismiss={(_, d) => change({ [String(d.value)]: '' })}>
          {tags.map((f) => <Tag key={f.name} value={f.name} dismissible dismissIcon={{ 'aria-label': s.without(f.title) }}>{`${f.title}: ${nameOf(f.name, set[f.name]!)}`}</Tag>)}
        </TagGroup>
      )}
    </div>
  )
}

// Field gives its one child a name, so it takes what else it is given, too.
function One({ filter, value, change, ...props }: { filter: Filter; value: string; change: (value: string) => void; id?: string }) {
  if (filter.name === 'application') return <Application value={value} change={change} {...props} />
  if (filter.choices) return (
    <Select {...props} value={value} onChange={(_, d) => change(d.value)}>
      <option value="">{t.logs.any}</option>
      {Object.entries(filter.choices).map(([word, title]) => <option key={word} value={word}>{title}</option>)}
    </Select>
  )
  return <Text value={value} change={change} hint={filter.hint} {...props} />
}

// Text waits a moment before it asks.
function Text({ value, change, hint, ...props }: { value: string; change: (value: string) => void; hint?: string }) {
  const [text, setText] = useState(value)
  const [sent, setSent] = useState(value)
  if (value !== sent) { // changed by somebody else, such as a cleared filter
    setSent(value)
    setText(value)
  }
  useEffect(() => {
    if (text === sent) return
    const timer = setTimeout(() => {
      setSent(text.trim())
      change(text.trim())
    }, 400)
    return () => clearTimeout(timer)
  }, [text, sent, change])
  return <Input {...props} value={text} placeholder={hint} spellCheck={false} onChange={(_, d) => setText(d.value)} />
}

// Application is found by name by whoever may see applications; who may see the logs alone gives the id, or chooses it at an entry.
function Application({ value, change, ...props }: { value: string; change: (value: string) => void }) {
  const { mayNot } = useSession()
  if (mayNot('listApplications') !== '') return <Text {...props} value={value} change={change} hint="app_…" />
  return <FindApplication {...props} value={value} change={change} />
}

const shown = 30

function FindApplication({ value, change, ...props }: { value: string; change: (value: string) => void }) {
  const [typed, setTyped] = useState<string | null>(null) // null: what is chosen
  const [search, setSearch] = useState('')
  useEffect(() => {
    const timer = setTimeout(() => setSearch(typed?.trim() ?? ''), 200)
    return () => clearTimeout(timer)
  }, [typed])
  const chosen = useObject('showApplication', value || undefined)
  const found = useFirstOf('listApplications', shown, { sort: 'name', search })
  const items = found.data?.items ?? []
  return (
    <Combobox {...props} freeform placeholder={t.logs.any} value={typed ?? (value ? chosen.data?.name ?? value : '')} selectedOptions={[value]}
      onChange={(e) => setTyped(e.target.value)} onBlur={() => setTyped(null)}
      onOptionSelect={(_, d) => { setTyped(null); change(d.optionValue ?? '') }}>
      <Option value="" text={t.logs.any}>{t.logs.any}</Option>
      {items.map((a) => <Option key={a.id} value={a.id} text={a.name}>{a.name}</Option>)}
      {found.data?.more && <Option value={value} text={typed ?? ''} disabled>{t.logs.moreApplications}</Option>}
    </Combobox>
  )
}
