// Every text of the page, in one catalogue: another language is another object of this type.
import { applications } from './strings/applications'
import { common } from './strings/common'
import { connectors } from './strings/connectors'
import { first } from './strings/first'
import { logs } from './strings/logs'
import { overview } from './strings/overview'
import { settings } from './strings/settings'

export const t = { ...common, applications, connectors, first, logs, overview, settings }
