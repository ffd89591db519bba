// Who works with the page, what they may do, and how the service is reached at this moment.
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { createContext, useContext, useEffect, useMemo, useState, type ReactNode } from 'react'
import { call, hear, type Operation, type Schema } from './api/client'
import { table } from './api/operations.gen'
import { t } from './strings'

export interface Session {
  me: Schema['Me']
  expired: boolean
  lost: number // since when the service does not answer; 0: it does
  // may says why somebody may not do something; empty: they may.
  mayNot: (operation: Operation) => string
  signOut: () => Promise<void>
}

const Context = createContext<Session | null>(null)

export function useSession(): Session {
  const session = useContext(Context)
  if (!session) throw new Error('outside of a session')
  return session
}

export const roleNames: Record<string, string> = t.roles

// mayNot holds a person's roles against those of an operation.
export function mayNot(roles: readonly string[], operation: Operation): string {
  const needed: readonly string[] | null = table[operation][2]
  if (!needed || needed.some((role) => roles.includes(role))) return ''
  return t.session.needsRole(needed.map((role) => roleNames[role] ?? role))
}

export const signInAddress = (back: string) => `/sign-in?return=${encodeURIComponent(back)}`

export function SessionProvider({ children, waiting }: { children: ReactNode; waiting: (error: unknown, retry: () => void) => ReactNode }) {
  const queries = useQueryClient()
  const [expiry, setExpiry] = useState(0) // when the session was found to be over; 0: it is not
  const [lost, setLost] = useState(0)
  const expired = expiry > 0
  const me = useQuery({ queryKey: ['showMe'], queryFn: ({ signal }) => call('showMe', { signal }), refetchInterval: expired ? 2000 : 60_000, retry: false })

  useEffect(() => hear((what) => {
    if (what === 'lost') setLost((since) => since || Date.now())
    else setLost(0)
    if (what === 'expired') setExpiry(Date.now())
  }), [])

  useEffect(() => { // somebody is signed in again: what they do goes on
    if (!expired || me.dataUpdatedAt <= expiry) return
    setExpiry(0)
    void queries.invalidateQueries({ predicate: (q) => q.queryKey[0] !== 'showMe' })
  }, [me.dataUpdatedAt, expired, expiry, queries])

  useEffect(() => { // whoever was never signed in here is sent to sign in; whoever was keeps what they typed
    if (expired && !me.data) location.replace(signInAddress(location.pathname + location.search))
  }, [expired, me.data])

  useEffect(() => { // the window in which somebody signs in again tells when that is done
    const channel = new BroadcastChannel('postern-session')
    channel.onmessage = () => void queries.refetchQueries({ queryKey: ['showMe'] })
    return () => channel.close()
  }, [queries])

  const data = me.data
  const session = useMemo<Session | null>(() => data ? {
    me: data, expired, lost,
    mayNot: (operation) => mayNot(data.roles ?? [], operation),
    signOut: async () => {
      await fetch('/sign-out', { method: 'POST' })
      location.assign('/signed-out')
    },
  } : null, [data, expired, lost])

  if (!session) return waiting(me.error, () => void me.refetch())
  return <Context.Provider value={session}>{children}</Context.Provider>
}
