// A list of any length: only the rows on the screen are there, each may open to show its details, and on a telephone a row is a card.
import { Button, Spinner, Text, makeStyles, mergeClasses, tokens } from '@fluentui/react-components'
import { ChevronDownRegular, ChevronRightRegular } from '@fluentui/react-icons'
import { useWindowVirtualizer } from '@tanstack/react-virtual'
import { useEffect, useLayoutEffect, useRef, useState, type DragEvent, type ReactNode } from 'react'
import { t } from '../strings'

export interface Column<T> {
  key: string
  title: string
  width: string // a track of the grid
  show: (item: T) => ReactNode
  minor?: boolean // left out where there is little room
}

const useStyles = makeStyles({
  box: { backgroundColor: tokens.colorNeutralBackground1, border: `1px solid ${tokens.colorNeutralStroke2}`, borderRadius: tokens.borderRadiusLarge },
  head: {
    display: 'grid', gap: '12px', alignItems: 'center', padding: '8px 12px', fontWeight: tokens.fontWeightSemibold, fontSize: tokens.fontSizeBase200, color: tokens.colorNeutralForeground2,
    borderBottom: `1px solid ${tokens.colorNeutralStroke2}`, '@media (max-width: 899px)': { display: 'none' },
  },
  row: {
    display: 'grid', gap: '4px 12px', alignItems: 'center', padding: '6px 12px', minHeight: '48px', ':hover': { backgroundColor: tokens.colorNeutralBackground1Hover },
    '@media (max-width: 899px)': { gridTemplateColumns: '32px minmax(0, 1fr) 32px !important' },
  },
  plain: { '@media (max-width: 899px)': { gridTemplateColumns: 'minmax(0, 1fr) 32px !important' } }, // without details
  plainCell: { '@media (max-width: 899px)': { gridColumn: '1' } },
  plainActions: { '@media (max-width: 899px)': { gridColumn: '2' } },
  wrap: { position: 'absolute', left: 0, right: 0, top: 0, borderBottom: `1px solid ${tokens.colorNeutralStroke3}` },
  cell: { minWidth: 0, overflow: 'hidden', textOverflow: 'ellipsis', overflowWrap: 'anywhere', '@media (max-width: 899px)': { gridColumn: '2' } },
  chevron: { '@media (max-width: 899px)': { gridColumn: '1', gridRow: '1' } },
  minor: { '@media (max-width: 899px)': { display: 'none' } },
  first: { '@media (max-width: 899px)': { gridRow: '1' } },
  actions: { justifySelf: 'end', '@media (max-width: 899px)': { gridColumn: '3', gridRow: '1' } },
  detail: { padding: '4px 12px 16px 56px', '@media (max-width: 899px)': { padding: '4px 12px 16px' } },
  foot: { padding: '12px' },
  over: { backgroundColor: tokens.colorBrandBackground2, outline: `2px solid ${tokens.colorBrandStroke1}`, outlineOffset: '-2px' },
  space: { position: 'relative' },
})

interface Props<T> {
  label: string
  items: T[]
  columns: Column<T>[]
  id: (item: T) => string
  name: (item: T) => string
  detail?: (item: T) => ReactNode
  actions?: (item: T) => ReactNode
  drop?: { accepts: (item: T) => boolean; take: (item: T) => void } // of something that is dragged onto a row
  empty: ReactNode
  loading?: boolean
  more?: { has: boolean; busy: boolean; load: () => void }
  open: string // ids of the rows that are open, with commas between them
  setOpen: (ids: string) => void
}

export function Rows<T>(props: Props<T>) {
  const { items, columns, id } = props
  const styles = useStyles()
  const box = useRef<HTMLDivElement>(null)
  const [over, setOver] = useState('') // the row that something is held over
  const [top, setTop] = useState(0)
  useLayoutEffect(() => {
    const measure = () => setTop((box.current?.getBoundingClientRect().top ?? 0) + window.scrollY)
    measure()
    const watch = new ResizeObserver(measure)
    watch.observe(document.body)
    return () => watch.disconnect()
  }, [])
  const virtual = useWindowVirtualizer({ count: items.length, estimateSize: () => 49, overscan: 8, scrollMargin: top, getItemKey: (i) => id(items[i]!) })
  const rows = virtual.getVirtualItems()
  const last = rows.at(-1)?.index ?? -1
  const more = props.more
  useEffect(() => {
    if (more?.has && !more.busy && last >= items.length - 20) more.load()
  }, [more, last, items.length])

  const open = new Set(props.open.split(',').filter(Boolean))
  const toggle = (key: string) => {
    const next = new Set(open)
    if (!next.delete(key)) next.add(key)
    props.setOpen([...next].join(','))
  }
  const tracks = `${props.detail ? '32px ' : ''}${columns.map((c) => c.width).join(' ')}${props.actions ? ' 40px' : ''}`
  if (items.length === 0) return <div className={styles.box}><div className={styles.foot}>{props.loading ? <Spinner size="small" label={t.list.loading} /> : props.empty}</div></div>
  return (
    <div className={styles.box} role="table" aria-label={props.label} aria-rowcount={more?.has ? -1 : items.length + 1}>
      <div role="rowgroup">
        <div className={styles.head} role="row" style={{ gridTemplateColumns: tracks }}>
          {props.detail && <span role="columnheader"><span className="unseen">{t.list.details}</span></span>}
          {columns.map((c) => <span key={c.key} role="columnheader">{c.title}</span>)}
          {props.actions && <span role="columnheader"><span className="unseen">{t.list.action}</span></span>}
        </div>
      </div>
      <div ref={box} role="rowgroup" className={styles.space} style={{ height: virtual.getTotalSize() }}>
        {rows.map((v) => {
          const item = items[v.index]!
          const key = id(item)
          const isOpen = open.has(key)
          const target = props.drop?.accepts(item) ? {
            onDragOver: (e: DragEvent) => { e.preventDefault(); e.dataTransfer.dropEffect = 'move'; setOver(key) },
            onDragLeave: () => setOver(''),
            onDrop: (e: DragEvent) => { e.preventDefault(); setOver(''); props.drop?.take(item) },
          } : {}
          return (
            <div key={key} role="presentation" ref={virtual.measureElement} data-index={v.index} className={styles.wrap} style={{ transform: `translateY(${v.start - virtual.options.scrollMargin}px)` }}>
              <div role="row" aria-rowindex={v.index + 2} className={mergeClasses(styles.row, !props.detail && styles.plain, props.drop !== undefined && over === key && styles.over)} style={{ gridTemplateColumns: tracks }} {...target}>
                {props.detail && (
                  <span role="cell" className={styles.chevron}>
                    <Button appearance="subtle" size="small" icon={isOpen ? <ChevronDownRegular /> : <ChevronRightRegular />} aria-expanded={isOpen} aria-label={t.list.expand(props.name(item))} onClick={() => toggle(key)} />
                  </span>
                )}
                {columns.map((c, i) => <div key={c.key} role="cell" className={mergeClasses(styles.cell, !props.detail && styles.plainCell, c.minor && styles.minor, i === 0 && styles.first)}>{c.show(item)}</div>)}
                {props.actions && <div role="cell" className={mergeClasses(styles.actions, !props.detail && styles.plainActions)}>{props.actions(item)}</div>}
              </div>
              {isOpen && <div role="row"><div role="cell" className={styles.detail}>{props.detail?.(item)}</div></div>}
            </div>
          )
        })}
      </div>
      {more?.busy && <div className={styles.foot}><Text>{t.list.more}</Text></div>}
    </div>
  )
}
