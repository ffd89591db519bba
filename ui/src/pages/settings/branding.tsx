// How the pages look that people see, with a preview in the colours that they would really have.
import { Button, Field, Input, Text, makeStyles, tokens } from '@fluentui/react-components'
import { useQueryClient } from '@tanstack/react-query'
import { useEffect, useRef, useState } from 'react'
import { type Problem, type Schema } from '../../api/client'
import { useObject } from '../../api/queries'
import { Busy } from '../../parts/busy'
import { Conflict } from '../../parts/conflict'
import { useHeld, useSaving, type Fields } from '../../parts/edit'
import { Failure, Guarded, useToast } from '../../parts/feedback'
import { History } from '../../parts/history'
import { Section } from '../../parts/section'
import { useLeaving } from '../../router'
import { useSession } from '../../session'
import { t } from '../../strings'

type Branding = Schema['Branding']
const s = t.settings.branding
const ours = { light: { colour: '#0f6cbd', deep: '#115ea3', tint: '#ebf3fc' }, dark: { colour: '#479ef5', deep: '#62abf5', tint: '#0a2e4a' } } // of style.css
const pages = { light: { back: '#f5f5f5', card: '#ffffff', text: '#242424', line: '#e0e0e0', on: '#ffffff' }, dark: { back: '#141414', card: '#242424', text: '#ffffff', line: '#3d3d3d', on: '#0a0a0a' } }

const useStyles = makeStyles({
  box: { display: 'grid', gridTemplateColumns: 'repeat(auto-fit, minmax(min(320px, 100%), 1fr))', gap: '24px', alignItems: 'start' },
  form: { display: 'flex', flexDirection: 'column', gap: '12px', maxWidth: '480px' },
  row: { display: 'flex', flexWrap: 'wrap', gap: '8px', alignItems: 'center' },
  file: { position: 'absolute', width: '1px', height: '1px', opacity: 0 },
  page: { padding: '16px', borderRadius: tokens.borderRadiusLarge, display: 'flex', flexDirection: 'column', alignItems: 'center', gap: '12px', marginBottom: '12px' },
  head: { display: 'flex', gap: '8px', alignItems: 'center', fontWeight: tokens.fontWeightSemibold, overflowWrap: 'break-word' },
  logo: { height: '40px', maxWidth: '160px', objectFit: 'contain' },
  card: { width: '100%', borderRadius: '8px', padding: '16px', display: 'flex', flexDirection: 'column', gap: '12px', alignItems: 'flex-start' },
  button: { padding: '6px 18px', borderRadius: '4px', fontWeight: tokens.fontWeightSemibold },
})

const draftOf = (b: Branding) => ({ name: b.name ?? '', colour: b.colour ?? '', darkColour: b.darkColour ?? '', logo: b.logo ?? '' })

export function BrandingView() {
  const read = useObject('showBranding', '')
  const { object, hold } = useHeld(read.data)
  return <Section operation="showBranding" lead={s.lead} read={read}>{object && <Edit key={object.version} branding={object} hold={hold} />}</Section>
}

function Edit({ branding: b, hold }: { branding: Branding; hold: (b: Branding | null) => void }) {
  const styles = useStyles()
  const { mayNot } = useSession()
  const [draft, setTyped] = useState(() => draftOf(b))
  const [wrong, setWrong] = useState('')
  const [past, setPast] = useState(false)
  const saving = useSaving('showBranding', 'updateBranding', { ...b, ...draftOf(b) } as never)
  const setDraft = (change: Partial<typeof draft>) => { setTyped((was) => ({ ...was, ...change })); saving.reset() } // what was wrong is no longer there
  const toast = useToast()
  const queries = useQueryClient()
  const file = useRef<HTMLInputElement>(null)
  const changed = JSON.stringify(draft) !== JSON.stringify(draftOf(b))
  useLeaving(changed, t.unsaved)
  useEffect(() => hold(changed ? b : null), [changed, hold, b])
  const field = (name: string) => saving.problem?.field(name)
  const save = async (what = draft) => {
    if (!(await saving.save(what))) return
    toast(s.saved)
    await queries.invalidateQueries({ queryKey: ['showBranding'] })
    hold(null)
  }
  const choose = async (chosen: File | undefined) => {
    setWrong('')
    if (!chosen) return
    if (chosen.size > 32 * 1024) return setWrong(s.large)
    const bytes = new Uint8Array(await chosen.arrayBuffer())
    setDraft({ logo: btoa(Array.from(bytes, (n) => String.fromCharCode(n)).join('')) })
  }
  const why = mayNot('updateBranding')
  return (
    <div className={styles.box}>
      <form noValidate className={styles.form} onSubmit={(e) => { e.preventDefault(); if (changed) void save() }}>
        <Field label={s.name} hint={s.nameHint} validationMessage={field('name')}><Input value={draft.name} maxLength={60} onChange={(_, d) => setDraft({ name: d.value })} /></Field>
        <Field label={s.colour} hint={s.colourHint} validationMessage={field('colour')}><Input value={draft.colour} placeholder={ours.light.colour} spellCheck={false} onChange={(_, d) => setDraft({ colour: d.value })} /></Field>
        <Field label={s.darkColour} hint={s.darkColourHint} validationMessage={field('darkColour')}><Input value={draft.darkColour} placeholder={b.dark.colour ?? ours.dark.colour} spellCheck={false} onChange={(_, d) => setDraft({ darkColour: d.value })} /></Field>
        <div className={styles.row} role="group" aria-label={s.logo}>
          <input ref={file} className={styles.file} type="file" accept="image/png,image/svg+xml" aria-label={s.logo} tabIndex={-1} onChange={(e) => { void choose(e.target.files?.[0]); e.target.value = '' }} />
          <Button onClick={() => file.current?.click()}>{draft.logo ? s.otherLogo : s.chooseLogo}</Button>
          {draft.logo && <Button onClick={() => setDraft({ logo: '' })}>{s.noLogo}</Button>}
          <Text size={200}>{s.logoHint}</Text>
        </div>
        <Field validationMessage={wrong || field('logo')}><span /></Field>
        {!['name', 'colour', 'darkColour', 'logo'].some(field) && <Failure problem={saving.problem as Problem | null} retry={() => void save()} />}
        <Conflict saving={saving} mine={draft} title={(n) => ({ name: s.name, colour: s.colour, darkColour: s.darkColour, logo: s.logo })[n] ?? n} shownValue={(n, v) => (n === 'logo' && v ? s.aLogo : String(v || t.history.nothing))}
          merged={(next: Fields) => { setDraft(next as typeof draft); void save(next as typeof draft) }} />
        <div className={styles.row}>
          <Guarded appearance="primary" type="submit" why={why} disabledFocusable={saving.busy || !changed}>{saving.busy ? <Busy /> : t.action.save}</Guarded>
          <Button disabled={!changed} onClick={() => { setDraft(draftOf(b)); saving.reset() }}>{t.action.undo}</Button>
          <Button onClick={() => setPast(true)}>{t.history.title}</Button>
        </div>
      </form>
      <div>
        <Text as="h2" size={400} weight="semibold">{s.preview}</Text>
        {(['light', 'dark'] as const).map((kind) => <Preview key={kind} kind={kind} draft={draft} of={b} />)}
      </div>
      {past && <History title={t.settings.views.branding!} id="" version={b.version} list="listBrandingHistory" undo="undoBranding" close={() => setPast(false)}
        shownValue={(name, value) => (value === undefined || value === null ? t.history.nothing : name === 'logo' ? s.logoSum(String(value)) : String(value))} />}
    </div>
  )
}

const colour = /^#[0-9a-f]{6}$/i

// Preview is drawn in the colours of a page whatever the theme of this one is. What is not saved is shown as it is typed.
function Preview({ kind, draft, of }: { kind: 'light' | 'dark'; draft: ReturnType<typeof draftOf>; of: Branding }) {
  const styles = useStyles()
  const page = pages[kind]
  const typed = kind === 'light' ? draft.colour : draft.darkColour
  const brand = colour.test(typed) ? typed : typed === '' && (kind === 'light' || draft.colour === (of.colour ?? '')) ? of[kind].colour && draft.colour ? of[kind].colour : ours[kind].colour : ours[kind].colour
  const type = draft.logo.startsWith('iVBOR') ? 'image/png' : 'image/svg+xml'
  return (
    <figure style={{ margin: 0 }} aria-label={s.previews[kind]}>
      <div className={styles.page} style={{ background: page.back, color: page.text }}>
        <div className={styles.head}>{draft.logo && <img className={styles.logo} src={`data:${type};base64,${draft.logo}`} alt="" />}<span>{draft.name || t.product}</span></div>
        <div className={styles.card} style={{ background: page.card, border: `1px solid ${page.line}` }}>
          <b>{s.signIn}</b>
          <span className={styles.button} style={{ background: brand, color: page.on }}>{s.signIn}</span>
          <span style={{ color: brand, textDecoration: 'underline' }}>{s.link}</span>
        </div>
      </div>
    </figure>
  )
}
