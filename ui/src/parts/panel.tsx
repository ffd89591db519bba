// A panel from the side, for details and forms.
import { Button, OverlayDrawer, DrawerBody, DrawerFooter, DrawerHeader, DrawerHeaderTitle, makeStyles } from '@fluentui/react-components'
import { Dismiss24Regular } from '@fluentui/react-icons'
import { useDeferredValue, type ReactNode } from 'react'
import { t } from '../strings'

const useStyles = makeStyles({
  panel: { maxWidth: '100vw' },
  title: { overflowWrap: 'anywhere' },
  body: { display: 'flex', flexDirection: 'column', gap: '16px', paddingBottom: '16px' },
  foot: { flexWrap: 'wrap' },
})

interface Props { title: string; close: () => void; children: ReactNode; footer?: ReactNode; size?: 'small' | 'medium' | 'large' }

export function Panel({ title, close, children, footer, size = 'medium' }: Props) {
  const styles = useStyles()
  const inside = useDeferredValue(true, false) // the panel is there at once, a long form in it as soon as there is time
  return (
    <OverlayDrawer open position="end" size={size} className={styles.panel} onOpenChange={(_, d) => !d.open && close()}>
      <DrawerHeader>
        <DrawerHeaderTitle className={styles.title} action={<Button appearance="subtle" aria-label={t.action.close} icon={<Dismiss24Regular />} onClick={close} />}>{title}</DrawerHeaderTitle>
      </DrawerHeader>
      <DrawerBody><div className={styles.body}>{inside && children}</div></DrawerBody>
      {footer && <DrawerFooter className={styles.foot}>{footer}</DrawerFooter>}
    </OverlayDrawer>
  )
}
