// Every text of the page, in one catalogue: another language is another object of this type.
import { applications } from './strings/applications'
import { common } from './strings/common'
import { connectors } from './strings/connectors'
import { first } from './strings/first'
import { keys } from './strings/keys'
import { logs } from './strings/logs'
import { overview } from './strings/overview'
import { people } from './strings/people'
import { policies } from './strings/policies'
import { providers } from './strings/providers'
import { rollout } from './strings/rollout'
import { settings } from './strings/settings'

export const t = { ...common, applications, connectors, first, keys, logs, overview, people, policies, providers, rollout, settings }
