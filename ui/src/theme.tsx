// Light and dark: as the system has it, or as somebody chose on this browser.
import { FluentProvider, webDarkTheme, webLightTheme, type Theme } from '@fluentui/react-components'
import { createContext, useContext, useEffect, useMemo, useState, useSyncExternalStore, type ReactNode } from 'react'

export type Choice = 'system' | 'light' | 'dark'
const key = 'postern-theme'
const dark = window.matchMedia('(prefers-color-scheme: dark)')

const Context = createContext<{ choice: Choice; dark: boolean; choose: (c: Choice) => void }>({ choice: 'system', dark: false, choose: () => undefined })
export const useTheme = () => useContext(Context)

function stored(): Choice {
  const value = localStorage.getItem(key)
  return value === 'light' || value === 'dark' ? value : 'system'
}

const subscribe = (listener: () => void) => {
  dark.addEventListener('change', listener)
  return () => dark.removeEventListener('change', listener)
}

export function ThemeProvider({ children }: { children: ReactNode }) {
  const [choice, setChoice] = useState(stored)
  const system = useSyncExternalStore(subscribe, () => dark.matches)
  const isDark = choice === 'dark' || (choice === 'system' && system)
  const theme: Theme = isDark ? webDarkTheme : webLightTheme
  useEffect(() => {
    document.documentElement.style.colorScheme = isDark ? 'dark' : 'light'
    document.body.style.background = theme.colorNeutralBackground2
  }, [isDark, theme])
  const value = useMemo(() => ({
    choice, dark: isDark,
    choose: (c: Choice) => {
      if (c === 'system') localStorage.removeItem(key)
      else localStorage.setItem(key, c)
      setChoice(c)
    },
  }), [choice, isDark])
  return (
    <Context.Provider value={value}>
      <FluentProvider theme={theme} style={{ background: theme.colorNeutralBackground2, minHeight: '100vh' }}>{children}</FluentProvider>
    </Context.Provider>
  )
}
