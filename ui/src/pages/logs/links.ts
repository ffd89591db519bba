// linkOf gives where an object is shown; empty where it has no page of its own.
export function linkOf(id: string | undefined): string {
  if (!id) return ''
  if (id.startsWith('app_')) return `/applications/${id}`
  if (id.startsWith('con_')) return `/connectors?open=${id}`
  if (id.startsWith('cgr_')) return `/connectors?view=groups&open=${id}`
  return ''
}
