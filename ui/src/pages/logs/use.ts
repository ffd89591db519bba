// A log as somebody reads it: the newest first, further back by scrolling, and what comes anew put on top while it is live.
import { useCallback, useEffect, useRef, useState } from 'react'
import { call, problemOf, type Ask, type Operation, type Problem, type Schema } from '../../api/client'
import { useSession } from '../../session'
import { questionOf, type Kind } from './kinds'

export interface Page<T> { items: T[] | null; next?: string; incomplete?: Schema['TrafficIncomplete'][] | null }

export async function ask<T extends { id: string }>(kind: Kind<T>, query: Record<string, string | undefined>, how: { limit: number; after?: string; signal?: AbortSignal }): Promise<Page<T>> {
  return await call(kind.operation, { query: { ...query, limit: how.limit, after: how.after }, signal: how.signal } as unknown as Ask<Operation>) as unknown as Page<T>
}

const limit = 200 // entries that are asked for at once
const patience = 5 // pages without an entry that one look goes through; then somebody decides whether to go on
const every = 3000 // milliseconds between two looks at what is new
const late = 60_000 // milliseconds that an entry may come after a younger one
const most = 5 // pages of new entries that one look goes through; then the list begins anew

interface State<T> { items: T[]; next: string | undefined; incomplete: Schema['TrafficIncomplete'][]; read: number; gap: boolean }
const nothing = { items: [], next: undefined, incomplete: [], read: 0, gap: false }

export function useLog<T extends { id: string }>(kind: Kind<T>, set: Record<string, string>, live: boolean, allowed: boolean) {
  const [state, setState] = useState<State<T>>(nothing)
  const [waiting, setWaiting] = useState<State<T> | null>(null) // newer than what is shown, while somebody reads further down
  const [busy, setBusy] = useState(true)
  const [problem, setProblem] = useState<Problem | null>(null)
  const [round, setRound] = useState(0)
  const { expired } = useSession()
  const key = JSON.stringify(set)
  const shown = useRef(state)
  shown.current = state
  const failed = useRef(problem)
  failed.current = problem
  const control = useRef(new AbortController())
  const query = useRef<Record<string, string | undefined>>({})
  const reading = useRef(false)

  // older reads on from where the list ends, past pages that the service found nothing on.
  const older = useCallback(async (from: State<T>, signal: AbortSignal) => {
    if (reading.current) return
    reading.current = true
    setBusy(true)
    setProblem(null)
    let now = from
    try {
      for (let n = 0; n < patience; n++) {
        const page = await ask(kind, query.current, { limit, after: now.next, signal })
        const known = new Set(now.items.map((e) => e.id))
        const found = (page.items ?? []).filter((e) => !known.has(e.id))
        now = { items: [...now.items, ...found], next: page.next || undefined, incomplete: page.incomplete ?? [], read: Date.now(), gap: false }
        if (found.length > 0 || !now.next) break
      }
      setState({ ...now, gap: now.next !== undefined && now.items.length === from.items.length })
    } catch (error) {
      if (!signal.aborted) setProblem(problemOf(error))
    } finally {
      if (!signal.aborted) {
        reading.current = false
        setBusy(false)
      }
    }
  }, [kind])

  useEffect(() => {
    if (!allowed || expired) return
    control.current = new AbortController()
    reading.current = false
    query.current = questionOf(kind, JSON.parse(key) as Record<string, string>)
    setState(nothing)
    setWaiting(null)
    const { signal } = control.current
    void older(nothing, signal)
    return () => control.current.abort()
  }, [kind, key, round, older, allowed, expired])

  useEffect(() => {
    if (!live || !allowed || expired) return
    const { signal } = control.current
    let timer: ReturnType<typeof setTimeout> | undefined
    const look = async () => {
      if (document.visibilityState === 'visible' && !reading.current) {
        if (shown.current.read === 0) {
          if (failed.current?.lost) await older(nothing, signal)
        } else {
          try {
            const next = await newer(kind, query.current, shown.current, signal)
            if (!signal.aborted && !reading.current) {
              setProblem(null)
              const top = window.scrollY < 100
              setWaiting(top || same(next, shown.current) ? null : next)
              if (top || same(next, shown.current)) setState(next)
            }
          } catch (error) {
            if (!signal.aborted) setProblem(problemOf(error))
          }
        }
      }
      again()
    }
    const again = () => { if (!signal.aborted) timer = setTimeout(() => void look(), every) }
    again()
    return () => clearTimeout(timer)
  }, [kind, key, live, round, older, allowed, expired])

  return {
    ...state, busy, problem,
    fresh: waiting ? waiting.items.filter((e) => !state.items.some((old) => old.id === e.id)).length : 0,
    showFresh: () => { if (waiting) setState(waiting); setWaiting(null); window.scrollTo(0, 0) },
    more: () => { if (state.next) void older(state, control.current.signal) },
    retry: () => (state.read > 0 ? setProblem(null) : setRound((n) => n + 1)),
  }
}

const same = <T extends { id: string }>(a: State<T>, b: State<T>) => a.items.length === b.items.length && a.items[0]?.id === b.items[0]?.id

// newer reads from the top until everything that may still come late is past, and puts it before what is known already.
async function newer<T extends { id: string }>(kind: Kind<T>, query: Record<string, string | undefined>, known: State<T>, signal: AbortSignal): Promise<State<T>> {
  const floor = known.items[0] ? kind.at(known.items[0]) - late : 0
  const old = new Set(known.items.map((e) => e.id))
  const head: T[] = []
  let incomplete = known.incomplete
  let next: string | undefined
  for (let n = 0; n < most; n++) {
    const page: Page<T> = await ask(kind, query, { limit, after: next, signal })
    head.push(...(page.items ?? []))
    incomplete = page.incomplete ?? []
    next = page.next || undefined
    const last = head.at(-1)
    if (!next || known.items.length === 0 || (last && !kind.changing && kind.at(last) < floor && old.has(last.id))) break
  }
  if (known.items.length === 0 && head.length === 0) return { ...known, incomplete, read: Date.now() }
  const seen = new Set(head.map((e) => e.id))
  const end = kind.changing && head.length > 0 ? kind.at(head[head.length - 1]!) : Infinity // what is not there any more above it is gone
  const gap = known.items.length > 0 && next !== undefined && !head.some((e) => old.has(e.id))
  if (gap || known.items.length === 0) return { items: head, next, incomplete, read: Date.now(), gap: next !== undefined && head.length === 0 }
  return { items: [...head, ...known.items.filter((e) => !seen.has(e.id) && (!kind.changing || (next !== undefined && kind.at(e) < end)))], next: known.next, incomplete, read: Date.now(), gap: known.gap }
}
