// Labels that tell how something is by word, sign and colour.
import { Badge, makeStyles, type BadgeProps } from '@fluentui/react-components'
import { ArchiveRegular, CheckmarkCircleFilled, ClockRegular, DismissCircleFilled, ErrorCircleFilled, PauseCircleRegular, ProhibitedRegular, WarningFilled } from '@fluentui/react-icons'
import type { ReactElement } from 'react'
import { t } from '../strings'

const looks: Record<string, [BadgeProps['color'], ReactElement]> = {
  active: ['success', <CheckmarkCircleFilled />],
  ok: ['success', <CheckmarkCircleFilled />],
  degraded: ['warning', <WarningFilled />],
  warning: ['warning', <WarningFilled />],
  note: ['informative', <WarningFilled />],
  notice: ['informative', <WarningFilled />],
  unreachable: ['danger', <ErrorCircleFilled />],
  error: ['danger', <ErrorCircleFilled />],
  failed: ['danger', <ErrorCircleFilled />],
  inactive: ['danger', <DismissCircleFilled />],
  draining: ['informative', <PauseCircleRegular />],
  disabled: ['subtle', <ProhibitedRegular />],
  archived: ['subtle', <ArchiveRegular />],
  waiting: ['warning', <ClockRegular />],
  unknown: ['subtle', <ClockRegular />],
}

// A label is as high as its words need where there is little room.
const useStyles = makeStyles({ label: { height: 'auto', minHeight: '24px', textAlign: 'left', overflowWrap: 'normal', '& svg': { flexShrink: 0 } } })

export function Label({ label, text }: { label: string; text?: string }) {
  const [color, icon] = looks[label] ?? looks.unknown!
  return <Badge className={useStyles().label} appearance="tint" color={color} icon={icon} size="large" data-label={label}>{text ?? t.connectors.labels[label] ?? label}</Badge>
}
