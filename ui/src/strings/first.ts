export const first = {
  title: 'First steps',
  lead: 'From an empty service to an application that somebody opens. Each step is done here, and is marked when the service says that it is true.',
  done: 'Done', todo: 'To do', all: 'Everything is there. The other pages show how it goes on.',
  connector: { title: 'Add a connector', text: 'A program in your private network that dials out to this service.', is: (n: number) => n === 1 ? '1 connector answers probes.' : `${n} connectors answer probes.`, another: 'Add another one' },
  application: { title: 'Publish an application', text: 'What the connector reaches: a web application, or destinations for devices with the client. Nobody can use it before somebody is assigned.', is: (name: string) => `${name} is published.`, test: 'What the connectors say of it', edit: 'Change its settings' },
  people: { title: 'Let people use it', text: 'Assign users or groups.', is: (n: number) => n === 1 ? '1 assignment is there.' : `${n} assignments are there.`, wait: 'Publish an application first.' },
  reach: { title: 'Reach it', text: 'As somebody who is assigned: sign in with the client on a machine, and use what the application leads to.', is: (age: string) => `A connection was carried ${age}.` },
  open: { title: 'Open it', text: 'As somebody who is assigned: sign in, and see the application.', link: (host: string) => `Open ${host}`, is: (age: string) => `A request was answered ${age}.`, wait: 'Assign somebody first.', unknown: 'Your roles do not let you see requests; open it and see.' },
}
