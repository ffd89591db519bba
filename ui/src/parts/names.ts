// Names of a few objects by their ids, asked for one by one: lists of them may be long.
import { useQueries } from '@tanstack/react-query'
import { call, problemOf, type Ask, type Operation } from '../api/client'
import { t } from '../strings'

interface Named { name: string; displayName?: string }

// useNames gives what an object is called; what is deleted and what is not known yet are said to be so.
export function useNames(show: Operation, ids: string[]): (id: string) => string {
  const unique = [...new Set(ids)]
  const found = useQueries({
    queries: unique.map((id) => ({ queryKey: [show, id], staleTime: 60_000, retry: false, queryFn: async ({ signal }: { signal: AbortSignal }) => (await call(show, { id, signal } as Ask<Operation>)) as unknown as Named })),
  })
  return (id) => {
    const at = found[unique.indexOf(id)]
    if (at?.data) return at.data.displayName || at.data.name
    return at?.error && problemOf(at.error).gone ? t.deleted : t.unknown
  }
}
