// Saving what somebody typed when somebody else may have changed the same object: nothing is overwritten, nothing is lost.
import { useQueryClient } from '@tanstack/react-query'
import { useCallback, useRef, useState } from 'react'
import { call, problemOf, type Ask, type Operation, type Problem } from '../api/client'

export type Fields = Record<string, unknown>
export interface Clash { name: string; theirs: unknown; mine: unknown }

const same = (a: unknown, b: unknown) => JSON.stringify(a ?? null) === JSON.stringify(b ?? null) || (blank(a) && blank(b))
const blank = (v: unknown) => v === undefined || v === null || v === '' || v === false || (Array.isArray(v) && v.length === 0)

// changes gives what differs from an object, as a merge patch: null takes a value away.
export function changes(base: Fields, mine: Fields): Fields {
  const patch: Fields = {}
  for (const name of Object.keys(mine)) if (!same(base[name], mine[name])) patch[name] = mine[name] === undefined || mine[name] === '' ? null : mine[name]
  return patch
}

// clashes lists what both sides changed since base, otherwise than each other.
export function clashes(base: Fields, theirs: Fields, mine: Fields): Clash[] {
  return Object.keys(mine)
    .filter((name) => !same(base[name], mine[name]) && !same(base[name], theirs[name]) && !same(theirs[name], mine[name]))
    .map((name) => ({ name, theirs: theirs[name], mine: mine[name] }))
}

// differing lists what the other side changed.
export const differing = (base: Fields, theirs: Fields, names: string[]) => names.filter((name) => !same(base[name], theirs[name]))

// useHeld keeps the version of an object that a form was filled from as long as something is typed in it: what is read anew meanwhile
// must not take that away. The form says whether something is, and lets go when it was saved.
export function useHeld<T>(read: T | undefined): { object: T | undefined; hold: (object: T | null) => void } {
  const [held, hold] = useState<T | null>(null)
  return { object: held ?? read, hold }
}

export interface Saving {
  busy: boolean
  problem: Problem | null
  clash: { theirs: Fields; clashes: Clash[]; others: string[] } | null
  save: (mine: Fields) => Promise<boolean>
  // resolve takes over the newer version as what is compared with from now on.
  resolve: () => void
  reset: () => void
}

// What is typed may be of another form than what the API has: read makes of the API's what is typed, send the way back.
interface Form { read: (object: Fields) => Fields; send: (patch: Fields) => Fields }
const plain: Form = { read: (object) => object, send: (patch) => patch }

// useSaving saves a draft against the version that it was made from. When somebody else was faster it reads their version: what
// only they changed is kept, what both changed is asked about.
export function useSaving<O extends Operation>(show: Operation, update: O, object: Fields & { id: string; version: number }, form = plain): Saving & { base: Fields } {
  const queries = useQueryClient()
  const base = useRef(object) // what the draft was made from
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<Problem | null>(null)
  const [clash, setClash] = useState<Saving['clash']>(null)

  const write = useCallback(async (from: typeof object, mine: Fields): Promise<boolean> => {
    try {
      await call(update, { id: from.id, version: from.version, body: form.send(changes(from, mine)) } as unknown as Ask<O>)
      await queries.invalidateQueries({ predicate: (q) => q.queryKey[0] !== 'showMe' })
      return true
    } catch (error) {
      const found = problemOf(error)
      if (!found.changed) throw error
      const now = (await call(show, { id: from.id })) as Fields & { id: string; version: number }
      const theirs: typeof object = { ...form.read(now), id: now.id, version: now.version }
      const both = clashes(from, theirs, mine)
      if (both.length === 0) {
        const merged = { ...mine }
        for (const name of differing(from, theirs, Object.keys(mine))) merged[name] = theirs[name]
        base.current = theirs
        return write(theirs, merged)
      }
      setClash({ theirs, clashes: both, others: differing(from, theirs, Object.keys(mine)).filter((n) => !both.some((c) => c.name === n)) })
      return false
    }
  }, [queries, show, update, form])

  const save = useCallback(async (mine: Fields) => {
    setBusy(true)
    setProblem(null)
    try {
      return await write(base.current, mine)
    } catch (error) {
      setProblem(problemOf(error))
      return false
    } finally {
      setBusy(false)
    }
  }, [write])

  const resolve = useCallback(() => {
    if (clash) base.current = clash.theirs as typeof object
    setClash(null)
  }, [clash])
  const reset = useCallback(() => setProblem(null), [])
  return { busy, problem, clash, save, resolve, reset, base: base.current }
}
