// What is about to be saved, setting by setting, as it is now and as it will be.
import { Button, Dialog, DialogActions, DialogBody, DialogContent, DialogSurface, DialogTitle, Table, TableBody, TableCell, TableHeader, TableHeaderCell, TableRow, makeStyles } from '@fluentui/react-components'
import type { ReactNode } from 'react'
import { t } from '../strings'
import type { Fields } from './edit'

const useStyles = makeStyles({ value: { overflowWrap: 'anywhere' }, wide: { maxWidth: 'min(960px, 95vw)' } })

interface Props { was: Fields; is: Fields; changed: string[]; titles: Record<string, string>; shown: (name: string, value: unknown) => string; close: () => void; save: () => void; children?: ReactNode }

export function Review({ was, is, changed, titles, shown, close, save, children }: Props) {
  const styles = useStyles()
  const s = t.review
  return (
    <Dialog open onOpenChange={(_, d) => !d.open && close()}>
      <DialogSurface className={children ? styles.wide : undefined}>
        <DialogBody>
          <DialogTitle>{s.title}</DialogTitle>
          <DialogContent>
            <p>{s.text}</p>
            <Table size="small">
              <TableHeader><TableRow><TableHeaderCell>{s.field}</TableHeaderCell><TableHeaderCell>{s.was}</TableHeaderCell><TableHeaderCell>{s.is}</TableHeaderCell></TableRow></TableHeader>
              <TableBody>{changed.map((n) => (
                <TableRow key={n}><TableCell className={styles.value}>{titles[n] ?? n}</TableCell><TableCell className={styles.value}>{shown(n, was[n])}</TableCell><TableCell className={styles.value}>{shown(n, is[n])}</TableCell></TableRow>
              ))}</TableBody>
            </Table>
            {children}
          </DialogContent>
          <DialogActions>
            <Button onClick={close}>{t.action.back}</Button>
            <Button appearance="primary" onClick={save}>{t.action.save}</Button>
          </DialogActions>
        </DialogBody>
      </DialogSurface>
    </Dialog>
  )
}
