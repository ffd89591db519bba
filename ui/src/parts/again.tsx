// Signing in again without losing what stands on the page.
import { Button, Dialog, DialogActions, DialogBody, DialogContent, DialogSurface, DialogTitle, Spinner } from '@fluentui/react-components'
import { signInAddress, useSession } from '../session'
import { t } from '../strings'

export function SignInAgain() {
  const { expired } = useSession()
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
