// Reading and writing by TanStack Query: what is seen is read anew every few seconds, only while somebody looks.
import { QueryClient, keepPreviousData, useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useMemo } from 'react'
import { all, call, problemOf, type Answer, type Ask, type Item, type Operation, type Problem } from './client'

export const often = 5000 // milliseconds between two looks at what changes by itself
const page = 200 // objects that are asked for at once

export const newClient = () => new QueryClient({
  defaultOptions: {
    queries: {
      networkMode: 'always', staleTime: 1000, gcTime: 300_000, refetchOnWindowFocus: true,
      retry: (count, error) => count < 2 && problemOf(error).lost, retryDelay: 1000,
    },
    mutations: { networkMode: 'always' },
  },
})

export function useObject<O extends Operation>(operation: O, id: string | undefined, { every = 0, enabled = true } = {}) {
  return useQuery<Answer<O>, Problem>({
    queryKey: [operation, id], queryFn: ({ signal }) => call(operation, { id, signal }), enabled: enabled && id !== undefined, refetchInterval: every || false,
  })
}

// useAll reads a list that is short by nature, whole.
export function useAll<O extends Operation>(operation: O, query: Ask<O>['query'] = {}, { every = 0, enabled = true } = {}) {
  return useQuery<Item<O>[], Problem>({
    queryKey: [operation, 'all', query], queryFn: ({ signal }) => all(operation, query, signal), enabled, refetchInterval: every || false, placeholderData: keepPreviousData,
  })
}

// useSummary counts what there is, without reading whole lists.
export const useSummary = ({ every = often } = {}) => useObject('showSummary', '', { every })

// useFirstOf reads the beginning of a list, and whether there is more.
export function useFirstOf<O extends Operation>(operation: O, limit: number, query: Ask<O>['query'] = {}, { every = 0, enabled = true } = {}) {
  return useQuery<{ items: Item<O>[]; more: boolean }, Problem>({
    queryKey: [operation, 'first', limit, query], enabled, refetchInterval: every || false, placeholderData: keepPreviousData,
    queryFn: async ({ signal }) => {
      const page = (await call(operation, { query: { ...query, limit }, signal } as Ask<O>)) as unknown as { items: Item<O>[] | null; next?: string }
      return { items: page.items ?? [], more: Boolean(page.next) }
    },
  })
}

// usePages reads a list page by page, as far as somebody has scrolled. The more pages there are, the less often they are read.
export function usePages<O extends Operation>(operation: O, query: Ask<O>['query'], { every = often, enabled = true } = {}) {
  const result = useInfiniteQuery({
    queryKey: [operation, 'pages', query],
    initialPageParam: '', enabled,
    queryFn: ({ pageParam, signal }) => call(operation, { query: { ...query, limit: page, after: pageParam }, signal } as Ask<O>) as Promise<unknown> as Promise<{ items: Item<O>[] | null; next?: string }>,
    getNextPageParam: (last) => last.next || undefined,
    refetchInterval: (q) => every * Math.max(1, q.state.data?.pages.length ?? 1),
    placeholderData: keepPreviousData,
  })
  const items = useMemo(() => result.data?.pages.flatMap((p) => p.items ?? []) ?? [], [result.data])
  return { ...result, items, problem: result.error ? problemOf(result.error) : undefined }
}

// useWrite changes something and reads anew whatever may look otherwise then.
export function useWrite<O extends Operation>(operation: O) {
  const queries = useQueryClient()
  return useMutation<Answer<O>, Problem, Ask<O>>({
    mutationFn: (ask) => call(operation, ask),
    onSettled: () => queries.invalidateQueries({ predicate: (q) => q.queryKey[0] !== 'showMe' }),
  })
}
