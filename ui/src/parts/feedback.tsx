// How the page says that something worked or did not.
import { Button, Link, MessageBar, MessageBarActions, MessageBarBody, MessageBarTitle, Text, Toast, ToastTitle, Tooltip, makeStyles, tokens, useToastController, type ButtonProps } from '@fluentui/react-components'
import { CheckmarkRegular, CopyRegular } from '@fluentui/react-icons'
import { useCallback, useState, type ReactNode } from 'react'
import type { Problem } from '../api/client'
import { ago, useNow, when } from '../format'
import { t } from '../strings'

export const toasterId = 'toasts'

const useStyles = makeStyles({
  line: { display: 'flex', alignItems: 'flex-start', gap: '4px', backgroundColor: tokens.colorNeutralBackground3, borderRadius: tokens.borderRadiusMedium, padding: '8px 8px 8px 12px' },
  code: { flexGrow: 1, minWidth: 0, margin: 0, whiteSpace: 'pre-wrap', overflowWrap: 'anywhere', fontSize: tokens.fontSizeBase200, lineHeight: tokens.lineHeightBase300, paddingTop: '4px' },
  stretch: { width: '100%' },
})

// Failure tells what went wrong in the API's own words, under which reference the log tells more, and how to try again.
export function Failure({ problem, retry, title = t.error.title }: { problem: Problem | null | undefined; retry?: () => void; title?: string }) {
  const styles = useStyles()
  if (!problem) return null
  return (
    <MessageBar intent="error" layout="multiline" className={styles.stretch} role="alert">
      <MessageBarBody>
        <MessageBarTitle>{title}</MessageBarTitle> {problem.message}
        {problem.fields.length > 0 && <ul>{problem.fields.map((f) => <li key={f.name + f.message}><b>{f.name}</b> {f.message}</li>)}</ul>}
        {problem.reference && <> <Text size={200}>{t.error.reference} {problem.reference}</Text></>}
      </MessageBarBody>
      {retry && <MessageBarActions><Button size="small" onClick={retry}>{t.error.retry}</Button></MessageBarActions>}
    </MessageBar>
  )
}

export function useToast() {
  const { dispatchToast } = useToastController(toasterId)
  return useCallback((text: string, intent: 'success' | 'info' = 'success') => dispatchToast(<Toast><ToastTitle>{text}</ToastTitle></Toast>, { intent, timeout: 5000 }), [dispatchToast])
}

// Ago shows an age that goes on counting; the exact time is its tip.
export function Ago({ time, never = t.unknown }: { time: string | number | undefined; never?: string }) {
  const now = useNow(1000)
  if (!time) return <>{never}</>
  return <time dateTime={new Date(time).toISOString()} title={when(time)}>{ago(time, now)}</time>
}

// CopyLine is a command or a secret that somebody takes elsewhere.
export function CopyLine({ text, label }: { text: string; label: string }) {
  const styles = useStyles()
  const [copied, setCopied] = useState(false)
  const copy = async () => {
    await navigator.clipboard.writeText(text)
    setCopied(true)
    setTimeout(() => setCopied(false), 2000)
  }
  return (
    <div className={styles.line}>
      <pre className={styles.code} tabIndex={0} role="region" aria-label={label}>{text}</pre>
      <Button appearance="subtle" size="small" icon={copied ? <CheckmarkRegular /> : <CopyRegular />} onClick={() => void copy()} aria-label={`${t.action.copy}: ${label}`}>
        {copied ? t.action.copied : t.action.copy}
      </Button>
    </div>
  )
}

// Guarded is a button that says why it may not be pressed, also to the keyboard and to screen readers.
export function Guarded({ why, children, ...props }: ButtonProps & { why?: string; children?: ReactNode }) {
  if (!why) return <Button {...props}>{children}</Button>
  return <Tooltip content={why} relationship="description"><Button {...props} disabledFocusable onClick={undefined}>{children}</Button></Tooltip>
}

export { Link }
