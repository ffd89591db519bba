// Both versions of what two people changed at the same time, field by field, to choose from.
import { MessageBar, MessageBarBody, MessageBarTitle, Radio, RadioGroup, Text, makeStyles, tokens } from '@fluentui/react-components'
import { useState } from 'react'
import { Button } from '@fluentui/react-components'
import { t } from '../strings'
import type { Fields, Saving } from './edit'

const useStyles = makeStyles({
  box: { display: 'flex', flexDirection: 'column', gap: '12px', padding: '12px', border: `2px solid ${tokens.colorStatusWarningBorder2}`, borderRadius: tokens.borderRadiusLarge },
  value: { overflowWrap: 'anywhere' },
})

export const shown = (value: unknown): string =>
  value === undefined || value === null || value === '' ? t.history.nothing : value === true ? t.yes : value === false ? t.no : Array.isArray(value) ? value.map(shown).join(', ') || t.history.nothing : typeof value === 'object' ? JSON.stringify(value) : String(value)

interface Props {
  saving: Saving
  mine: Fields
  title: (name: string) => string
  shownValue?: (name: string, value: unknown) => string
  merged: (mine: Fields) => void
}

export function Conflict({ saving, mine, title, shownValue, merged }: Props) {
  const styles = useStyles()
  const [keep, setKeep] = useState<Record<string, 'theirs' | 'mine'>>({})
  const clash = saving.clash
  if (!clash) return null
  const text = (name: string, value: unknown) => (shownValue ? shownValue(name, value) : shown(value))
  const finish = () => {
    const next = { ...mine }
    for (const name of clash.others) next[name] = clash.theirs[name]
    for (const c of clash.clashes) if (keep[c.name] === 'theirs') next[c.name] = c.theirs
    saving.resolve()
    merged(next)
  }
  return (
    <div className={styles.box} role="group" aria-label={t.conflict.title}>
      <MessageBar intent="warning" layout="multiline"><MessageBarBody><MessageBarTitle>{t.conflict.title}.</MessageBarTitle> {t.conflict.text}</MessageBarBody></MessageBar>
      {clash.clashes.map((c) => (
        <div key={c.name}>
          <Text weight="semibold" id={`clash-${c.name}`}>{title(c.name)}</Text>
          <RadioGroup aria-labelledby={`clash-${c.name}`} value={keep[c.name] ?? ''} onChange={(_, d) => setKeep({ ...keep, [c.name]: d.value as 'mine' })}>
            <Radio value="theirs" label={<span className={styles.value}>{t.conflict.theirs}: {text(c.name, c.theirs)}</span>} />
            <Radio value="mine" label={<span className={styles.value}>{t.conflict.yours}: {text(c.name, c.mine)}</span>} />
          </RadioGroup>
        </div>
      ))}
      <div><Button appearance="primary" disabled={clash.clashes.some((c) => !keep[c.name])} onClick={finish}>{t.conflict.merge}</Button></div>
    </div>
  )
}
