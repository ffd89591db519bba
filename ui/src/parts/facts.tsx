// Facts with their names, in as many columns as there is room for.
import { makeStyles, tokens } from '@fluentui/react-components'
import type { ReactNode } from 'react'

const useStyles = makeStyles({
  grid: {
    display: 'grid', gridTemplateColumns: 'repeat(auto-fill, minmax(min(240px, 100%), 1fr))', gap: '12px 24px', margin: 0,
    '& dt': { fontSize: tokens.fontSizeBase200, color: tokens.colorNeutralForeground2 }, '& dd': { margin: 0, overflowWrap: 'anywhere' },
  },
})

export function Facts({ children }: { children: ReactNode }) {
  return <dl className={useStyles().grid}>{children}</dl>
}

export function Fact({ title, children }: { title: string; children: ReactNode }) {
  return <div><dt>{title}</dt><dd>{children}</dd></div>
}
