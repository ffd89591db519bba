// The overview says what the API says, and nothing else.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { demo, open, see, signIn, until, visit } from './center.mjs'

let system

before(async () => { system = await demo() })
after(async () => { await system?.stop() })

const ask = (page, path) => page.evaluate(async (path) => (await fetch(`/api/v1${path}`)).json(), path)

test('what is wrong, what there is and what was counted', async (t) => {
  const page = await visit(t, system)
  await open(page, system, '/')
  await page.waitForURL(/\/overview$/) // there is something: no first steps
  await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor()

  await until('findings as the API has them', async () => {
    const shown = await page.locator('#content section').first().innerText()
    const { findings } = await ask(page, '/health')
    return findings.every((f) => shown.includes(f.cure.slice(1, 40)) && shown.includes(f.code)) && (findings.length > 0 || shown.includes('Nothing is wrong'))
  })
  for (const [name, path, text] of [['Connectors', '/connectors', /1 of 1 active/], ['Connector groups', '/connector-groups', /1 of 1 can carry/], ['Applications', '/applications', /1 is published/], ['Gateways', '/gateways', /1 of 1 answer/]]) {
    const tile = page.getByRole('listitem').filter({ hasText: new RegExp(`^${name}\\d`) })
    await tile.getByText(text).waitFor()
    assert.equal(await tile.getByText(String((await ask(page, path)).items.length), { exact: true }).count(), 1, name)
  }
  await page.getByRole('img', { name: /^Requests and errors a step/ }).waitFor()
  await see(page, 'overview')

  const other = await visit(t, system)
  await other.goto(system.notes)
  await signIn(other, 'admin', system.adminPassword)
  await other.getByRole('heading', { level: 1, name: 'Notes' }).waitFor()
  await until('requests that were counted', async () => {
    await other.reload()
    const total = (await ask(page, '/series?step=1m')).points.reduce((sum, p) => sum + (p.requests?.count ?? 0), 0)
    const shown = Number(/([\d,]+) requests ended/.exec(await page.getByRole('region', { name: 'Traffic' }).innerText())?.[1].replaceAll(',', '') ?? 0)
    await page.getByRole('combobox', { name: 'Period' }).selectOption('24h')
    await page.getByRole('combobox', { name: 'Period' }).selectOption('1h') // it is asked anew, and not in half a minute
    return shown > 0 && shown === total
  })
  await see(page, 'overview-counted')
  await page.getByRole('combobox', { name: 'Period' }).selectOption('7d')
  await page.waitForURL(/period=7d/)
  await page.getByText('A step is 60 minutes.', { exact: false }).waitFor()
})
