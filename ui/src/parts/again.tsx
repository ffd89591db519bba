// Signing in again without losing what stands on the page.
import { Button, Dialog, DialogActions, DialogBody, DialogContent, DialogSurface, DialogTitle, Spinner } from '@fluentui/react-components'
import { useEffect, useRef } from 'react'
import { signInAddress, useSession } from '../session'
import { t } from '../strings'

export function SignInAgain() {
  const { expired } = useSession()
  const before = useRef<HTMLElement | null>(null) // what had the focus when the session ended
  useEffect(() => {
    if (expired) return
    const remember = (event: FocusEvent) => { before.current = event.target instanceof HTMLElement ? event.target : null }
    document.addEventListener('focusin', remember)
    return () => document.removeEventListener('focusin', remember)
  }, [expired])
  useEffect(() => { // it gets it back: a panel that is without it is hidden from screen readers
    if (expired && before.current) return () => { setTimeout(() => before.current?.isConnected && before.current.focus(), 100) }
  }, [expired])
  return (
    <Dialog open={expired} modalType="alert">
      <DialogSurface>
        <DialogBody>
          <DialogTitle>{t.session.expiredTitle}</DialogTitle>
          <DialogContent><p>{t.session.expired}</p><Spinner size="tiny" labelPosition="after" label={t.session.waiting} /></DialogContent>
          <DialogActions>
            <Button as="a" appearance="primary" href={signInAddress('/signed-in')} target="_blank">{t.session.signInAgain}</Button>
          </DialogActions>
        </DialogBody>
      </DialogSurface>
    </Dialog>
  )
}
