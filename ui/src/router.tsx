// Where the page is: what is shown, and its filters, stand in the address bar.
import { startTransition, useCallback, useEffect, useState, type AnchorHTMLAttributes, type MouseEvent } from 'react'

const changed = 'postern-navigate'

// leaving holds questions to ask before the page is left, such as of a form that is not saved.
const leaving = new Set<() => boolean>()

const address = () => location.pathname + location.search

// useText is the address. Another page or part of one is drawn when there is time, so that whoever clicked is never kept waiting by it;
// what an input shows changes at once.
function useText(): string {
  const [text, set] = useState(address)
  useEffect(() => {
    const listen = (event: Event) => {
      if (event instanceof CustomEvent && event.detail === 'now') set(address())
      else startTransition(() => set(address()))
    }
    set(address()) // it may have changed before this listened
    window.addEventListener('popstate', listen)
    window.addEventListener(changed, listen)
    return () => {
      window.removeEventListener('popstate', listen)
      window.removeEventListener(changed, listen)
    }
  }, [])
  return text
}

export function useAddress(): { path: string; parts: string[]; query: URLSearchParams } {
  const text = useText()
  const [path = '/', search = ''] = text.split('?')
  return { path, parts: path.split('/').filter(Boolean).map(decodeURIComponent), query: new URLSearchParams(search) }
}

export function navigate(to: string, { replace = false, force = false, now = false } = {}) {
  if (!force && to.split('?')[0] !== location.pathname && [...leaving].some((stay) => stay())) return
  if (replace) history.replaceState(null, '', to)
  else history.pushState(null, '', to)
  window.dispatchEvent(new CustomEvent(changed, { detail: now ? 'now' : '' }))
  if (!replace) window.scrollTo(0, 0)
}

// unhurried filters choose a part of a page; all others are what an input shows.
const unhurried = new Set(['tab', 'view', 'open', 'search', 'period'])

// useFilter is a value in the address bar; empty is not there.
export function useFilter(name: string): [string, (value: string) => void] {
  const { query } = useAddress()
  const set = useCallback((value: string) => {
    const next = new URLSearchParams(location.search)
    if (value) next.set(name, value)
    else next.delete(name)
    navigate(location.pathname + (next.size ? `?${next}` : ''), { replace: true, now: !unhurried.has(name) })
  }, [name])
  return [query.get(name) ?? '', set]
}

// useLeaving asks before unsaved work is left, for as long as there is some.
export function useLeaving(unsaved: boolean, question: string) {
  useEffect(() => {
    if (!unsaved) return
    const stay = () => !window.confirm(question)
    const unload = (event: BeforeUnloadEvent) => event.preventDefault()
    leaving.add(stay)
    window.addEventListener('beforeunload', unload)
    return () => {
      leaving.delete(stay)
      window.removeEventListener('beforeunload', unload)
    }
  }, [unsaved, question])
}

// follow makes a click on a link of the page a change of its address; what a browser does beside that stays.
export function follow(event: MouseEvent<HTMLAnchorElement>) {
  const link = event.currentTarget
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey || link.target) return
  event.preventDefault()
  navigate(link.pathname + link.search)
}

export function Anchor(props: AnchorHTMLAttributes<HTMLAnchorElement>) {
  return <a {...props} onClick={follow} />
}
