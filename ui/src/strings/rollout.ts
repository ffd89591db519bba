export const rollout = {
  change: (n: string) => `Change ${n} of the configuration`, asking: 'Being told …', done: 'Saved, in force everywhere', unread: 'Who runs it is unknown',
  partly: (g: string, gs: string, c: string, cs: string) => `In force on ${g} of ${gs} gateways, ${c} of ${cs} connectors`,
  gateways: (n: string, all: string) => `${n} of ${all} gateways run it.`, connectors: (n: string, all: string) => `${n} of ${all} connectors with a tunnel have what it means for them.`, late: 'Not yet:', more: (n: string) => `and ${n} more`,
  unknown: (n: string) => `Of ${n} connectors another service knows it, not this one.`, away: (n: string) => `${n} connectors have no tunnel: they get it when they come.`,
}
