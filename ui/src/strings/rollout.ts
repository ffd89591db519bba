export const rollout = {
  change: (n: string) => `Change ${n} of the configuration`, asking: 'Being told …', done: 'Saved, in force everywhere', unread: 'Who runs it is unknown',
  partly: (g: string, gs: string, c: string, cs: string) => `In force on ${g} of ${gs} ${gs === '1' ? 'gateway' : 'gateways'}, ${c} of ${cs} ${cs === '1' ? 'connector' : 'connectors'}`,
  gateways: (n: string, all: string) => (all === '1' ? (n === '1' ? 'The one gateway runs it.' : 'The one gateway does not run it yet.') : n === all ? `All ${all} gateways run it.` : `${n} of ${all} gateways ${n === '1' ? 'runs' : 'run'} it.`),
  connectors: (n: string, all: string) => (all === '0' ? 'No connector has a tunnel.' : all === '1' ? (n === '1' ? 'The one connector with a tunnel has what it means for it.' : 'The one connector with a tunnel does not have what it means for it yet.') : n === all ? `All ${all} connectors with a tunnel have what it means for them.` : `${n} of ${all} connectors with a tunnel ${n === '1' ? 'has what it means for it' : 'have what it means for them'}.`),
  late: 'Not yet:', more: (n: string) => `and ${n} more`,
  unknown: (n: string) => `${n === '1' ? 'One connector has' : `${n} connectors have`} not said it to a service that answers.`, away: (n: string) => (n === '1' ? 'One connector has no tunnel: it gets it when it comes.' : `${n} connectors have no tunnel: they get it when they come.`),
}
