// linkOf gives where an object is shown; empty where it has no page of its own.
export function linkOf(id: string | undefined): string {
  if (!id) return ''
  if (id.startsWith('app_')) return `/applications/${id}`
  if (id.startsWith('con_')) return `/connectors?open=${id}`
  if (id.startsWith('cgr_')) return `/connectors?view=groups&open=${id}`
  if (id.startsWith('usr_')) return `/people/users/${id}`
  if (id.startsWith('grp_')) return `/people/groups/${id}`
  if (id.startsWith('dev_')) return `/people/devices?open=${id}`
  if (id.startsWith('ups_')) return `/people/providers?open=${id}`
  if (id.startsWith('pol_')) return `/policies/${id}`
  if (id.startsWith('tok_')) return `/keys?open=${id}`
  if (id.startsWith('key_')) return `/keys/api?open=${id}`
  if (id.startsWith('req_')) return `/people/requests?state=all&open=${id}`
  return ''
}
