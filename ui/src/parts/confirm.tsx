// A question before something that cannot simply be taken back, with what it does.
import { Button, Dialog, DialogActions, DialogBody, DialogContent, DialogSurface, DialogTitle } from '@fluentui/react-components'
import { useState, type ReactNode } from 'react'
import { problemOf, type Problem } from '../api/client'
import { t } from '../strings'
import { Failure } from './feedback'

interface Props { title: string; text: ReactNode; action: string; run: () => Promise<unknown>; close: () => void }

export function Confirm({ title, text, action, run, close }: Props) {
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<Problem | null>(null)
  const go = async () => {
    setBusy(true)
    setProblem(null)
    try {
      await run()
      close()
    } catch (error) {
      setProblem(problemOf(error))
    } finally {
      setBusy(false)
    }
  }
  return (
    <Dialog open modalType="alert" onOpenChange={(_, d) => !d.open && close()}>
      <DialogSurface>
        <DialogBody>
          <DialogTitle>{title}</DialogTitle>
          <DialogContent><div>{text}</div><Failure problem={problem} /></DialogContent>
          <DialogActions>
            <Button onClick={close}>{t.action.cancel}</Button>
            <Button appearance="primary" disabledFocusable={busy} onClick={() => void go()}>{action}</Button>
          </DialogActions>
        </DialogBody>
      </DialogSurface>
    </Dialog>
  )
}
