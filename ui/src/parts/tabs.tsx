// Tabs that go on in the next line where there is little room.
import { TabList, makeStyles, type TabListProps } from '@fluentui/react-components'

const useStyles = makeStyles({ list: { flexWrap: 'wrap', '@media (max-width: 640px)': { '& [role=tab]': { paddingLeft: '8px', paddingRight: '8px' } } } })

export function Tabs(props: TabListProps) {
  return <TabList {...props} className={useStyles().list} />
}
