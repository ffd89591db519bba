// A group of choices with a name and a hint. Not a Field: that would give each of them its own name.
import { Text, makeStyles, tokens } from '@fluentui/react-components'
import type { ReactNode } from 'react'

const useStyles = makeStyles({
  set: { border: 'none', margin: 0, padding: 0, minWidth: 0 },
  title: { padding: 0, fontSize: tokens.fontSizeBase300 },
  hint: { display: 'block', color: tokens.colorNeutralForeground3 },
})

export function Choices({ title, hint, children }: { title: string; hint?: string; children: ReactNode }) {
  const styles = useStyles()
  return (
    <fieldset className={styles.set}>
      <legend className={styles.title}>{title}</legend>
      {hint && <Text size={200} className={styles.hint}>{hint}</Text>}
      {children}
    </fieldset>
  )
}
