// Every text of the page, in one catalogue: another language is another object of this type.
import { common } from './strings/common'
import { connectors } from './strings/connectors'

export const t = { ...common, connectors }
