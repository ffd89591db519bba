// How the page speaks to the admin API: typed by the API's own description, and honest about what goes wrong.
import { table } from './operations.gen'
import type { components, operations } from './schema.gen'

export type Schema = components['schemas']
export type Operation = keyof typeof table & keyof operations

type Content<T> = T extends { content: infer C } ? (C extends Record<string, infer B> ? B : never) : undefined
type Good<R> = R extends { 200: infer A } ? Content<A> : R extends { 201: infer A } ? Content<A> : undefined
export type Answer<O extends Operation> = Good<operations[O]['responses']>
export type Body<O extends Operation> = operations[O] extends { requestBody: infer B } ? Content<B> : never

export interface Ask<O extends Operation> {
  id?: string // of the object in the path
  query?: Record<string, string | number | undefined>
  body?: Body<O>
  version?: number // of the object that was seen; the API refuses to overwrite a newer one
  signal?: AbortSignal
  patience?: number // seconds to wait for the answer
}

// A Problem is what the API, or the lack of it, says: a sentence, the fields that are wrong and the reference that finds the
// event in the service's log.
export class Problem extends Error {
  constructor(
    readonly status: number, // 0: no answer
    readonly kind: string, // "postern:changed" and so on
    detail: string,
    readonly reference: string,
    readonly fields: readonly { name: string; message: string }[],
  ) {
    super(detail)
  }

  field(name: string): string | undefined {
    return this.fields.find((f) => f.name === name || f.name.startsWith(name + '.') || f.name.startsWith(name + '['))?.message
  }

  get lost() { return this.status === 0 || this.status === 502 || this.status === 503 || this.status === 504 }
  get expired() { return this.status === 401 }
  get changed() { return this.status === 412 }
  get gone() { return this.status === 404 }
}

export function problemOf(error: unknown): Problem {
  return error instanceof Problem ? error : new Problem(0, 'page', error instanceof Error ? error.message : String(error), '', [])
}

// listeners hear how each request went: the page shows when the service is away and when the session is over.
export type Hearing = 'answered' | 'lost' | 'expired'
const listeners = new Set<(what: Hearing) => void>()
export function hear(listener: (what: Hearing) => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}
const tell = (what: Hearing) => listeners.forEach((listener) => listener(what))

// changed hears the number of each change of the configuration that this page made.
const changed = new Set<(change: number) => void>()
export function hearChange(listener: (change: number) => void): () => void {
  changed.add(listener)
  return () => changed.delete(listener)
}

const patience = 30 // seconds; unless said otherwise

export async function call<O extends Operation>(operation: O, ask: Ask<O> = {}): Promise<Answer<O>> {
  const [method, pattern] = table[operation]
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(ask.query ?? {})) if (value !== undefined && value !== '') query.set(name, String(value))
  const headers: Record<string, string> = {}
  if (ask.body !== undefined) headers['Content-Type'] = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json'
  if (ask.version !== undefined) headers['If-Match'] = `"${ask.version}"`
  else if (method === 'DELETE') headers['If-Match'] = '*'
  const address = pattern.replace(/\{\w+\}/, encodeURIComponent(ask.id ?? '')) + (query.size ? `?${query}` : '')
  const limit = AbortSignal.timeout((ask.patience ?? patience) * 1000)
  let response: Response
  let text: string
  try {
    response = await fetch(address, {
      method, headers, body: ask.body === undefined ? undefined : JSON.stringify(ask.body), cache: 'no-store',
      signal: ask.signal ? AbortSignal.any([ask.signal, limit]) : limit,
    })
    text = await response.text()
  } catch (error) {
    if (ask.signal?.aborted) throw error
    tell('lost')
    throw new Problem(0, 'lost', limit.aborted ? `The service did not answer within ${ask.patience ?? patience} seconds.` : 'The service cannot be reached.', '', [])
  }
  const change = Number(response.headers.get('Postern-Change'))
  if (change > 0) changed.forEach((listener) => listener(change))
  if (response.ok) {
    tell('answered')
    return (text === '' ? undefined : JSON.parse(text)) as Answer<O>
  }
  const problem = read(response, text)
  tell(problem.expired ? 'expired' : problem.lost && problem.kind === 'page' ? 'lost' : 'answered')
  throw problem
}

// download takes an answer that is a file, whose name the service gives.
export async function download(operation: Operation, signal: AbortSignal): Promise<{ name: string; content: Blob }> {
  const [method, address] = table[operation]
  try {
    const response = await fetch(address, { method, cache: 'no-store', signal })
    if (!response.ok) {
      const problem = read(response, await response.text())
      tell(problem.expired ? 'expired' : 'answered')
      throw problem
    }
    const content = await response.blob() // whole, or this fails: the service tells the length first
    tell('answered')
    return { name: /filename="([^"]+)"/.exec(response.headers.get('Content-Disposition') ?? '')?.[1] ?? 'postern.backup', content }
  } catch (error) {
    if (error instanceof Problem || signal.aborted) throw error
    tell('lost')
    throw new Problem(0, 'lost', 'The service cannot be reached, or the file did not come to its end.', '', [])
  }
}

function read(response: Response, text: string): Problem {
  const reference = response.headers.get('Postern-Reference') ?? ''
  try {
    const doc = JSON.parse(text) as Schema['Problem']
    return new Problem(response.status, doc.type, sentence(doc.detail || doc.title), doc.reference || reference, doc.fields ?? [])
  } catch {
    return new Problem(response.status, 'page', `The service answered with status ${response.status}.`, reference, [])
  }
}

export function sentence(text: string): string {
  const upper = text.charAt(0).toUpperCase() + text.slice(1)
  return /[.!?…]$/.test(upper) ? upper : upper + '.'
}

// all reads every page of a list; for those that are short by nature.
export async function all<O extends Operation>(operation: O, query: Ask<O>['query'] = {}, signal?: AbortSignal): Promise<Item<O>[]> {
  const items: Item<O>[] = []
  for (let after: string | undefined; ;) {
    const page = (await call(operation, { query: { ...query, limit: 1000, after }, signal } as Ask<O>)) as unknown as { items: Item<O>[] | null; next?: string }
    items.push(...(page.items ?? []))
    if (!page.next) return items
    after = page.next
  }
}

export type Item<O extends Operation> = Answer<O> extends { items: (infer I)[] | null } ? I : never
