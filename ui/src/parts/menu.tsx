// A menu of what can be done with something; what may not be done says why.
import { Button, Menu, MenuDivider, MenuItem, MenuList, MenuPopover, MenuTrigger } from '@fluentui/react-components'
import { MoreHorizontalRegular } from '@fluentui/react-icons'
import type { Operation } from '../api/client'
import { useSession } from '../session'
import { t } from '../strings'

export interface Choice { title: string; needs: Operation; run: () => void; why?: string; apart?: boolean } // apart: a line before it

export function ActionMenu({ name, choices, subtle = true }: { name: string; choices: Choice[]; subtle?: boolean }) {
  const { mayNot } = useSession()
  return (
    <Menu>
      <MenuTrigger disableButtonEnhancement><Button appearance={subtle ? 'subtle' : undefined} icon={<MoreHorizontalRegular />} aria-label={t.list.actions(name)} /></MenuTrigger>
      <MenuPopover>
        <MenuList>
          {choices.flatMap((c) => {
            const why = mayNot(c.needs) || c.why || ''
            const item = <MenuItem key={c.title} disabled={why !== ''} title={why || undefined} subText={why || undefined} onClick={c.run}>{c.title}</MenuItem>
            return c.apart ? [<MenuDivider key={`${c.title}-line`} />, item] : [item]
          })}
        </MenuList>
      </MenuPopover>
    </Menu>
  )
}
