// Something is under way: seen as a ring that turns, heard as a word. A ring without a name is nothing to who cannot see it.
import { Spinner } from '@fluentui/react-components'
import { t } from '../strings'

export const Busy = ({ size = 'tiny' }: { size?: 'tiny' | 'extra-tiny' }) => <Spinner size={size} aria-label={t.list.loading} />
