// Logs in the admin center: what people did is found again, by whoever may see it.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { demo, open, see, signIn, until, visit } from './center.mjs'

let system

before(async () => { system = await demo() })
after(async () => { await system?.stop() })

const notes = (path) => system.notes.replace(/\/$/, '') + path
const list = (page, name) => page.getByRole('table', { name, exact: true })
const rows = (page, name) => list(page, name).getByRole('row').filter({ has: page.getByRole('button', { name: /^Details of/ }) })

// work has somebody sign in and ask the application for a path; its record is in the log afterwards.
async function work(t, path, options = {}) {
  const person = await visit(t, system, { statuses: [404], ...options })
  await person.goto(notes(path))
  await signIn(person, 'admin', system.adminPassword)
  await person.waitForURL((url) => url.href.startsWith(system.notes) && !url.pathname.startsWith('/.postern'))
  let found
  await until('its record', () => { found = system.json('traffic', 'list', '--path', path).find((e) => e.outcome === 'forwarded'); return found })
  return { record: found }
}

test('the traffic log: what comes is shown live, filters stand in the address, a reference leads over all hops', async (t) => {
  const page = await visit(t, system, { statuses: [422] })
  await open(page, system, '/logs')
  await page.getByRole('tab', { name: 'Traffic', selected: true }).waitFor()
  await page.getByText(/found$|there are more$/).first().waitFor()
  system.cli('connectors', 'update', 'demo', '--session-log', '10m')
  await until('its session log', () => /session log/i.test(system.cli('connectors', 'logs', 'demo')))
  const { record } = await work(t, '/first-mark')
  await list(page, 'Traffic').getByText('/first-mark', { exact: false }).first().waitFor() // without anybody asking for it
  await see(page, 'logs-traffic')

  await page.getByRole('textbox', { name: 'Path begins with' }).fill('/first-mark')
  await page.waitForURL(/path=%2Ffirst-mark/)
  await page.getByRole('combobox', { name: 'Outcome' }).selectOption('forwarded')
  await page.waitForURL(/outcome=forwarded/)
  await until('what the API finds', async () => (await rows(page, 'Traffic').count()) === system.json('traffic', 'list', '--path', '/first-mark', '--outcome', 'forwarded').length)
  await page.reload() // all of it stands in the address
  await rows(page, 'Traffic').first().waitFor()
  assert.equal(await page.getByRole('textbox', { name: 'Path begins with' }).inputValue(), '/first-mark')

  await page.getByRole('button', { name: /^Details of GET/ }).first().click()
  for (const text of [record.request, record.destination, record.connectorGroup]) await page.getByText(text, { exact: true }).first().waitFor()
  await see(page, 'logs-traffic-open')

  await page.getByRole('button', { name: 'Only these: admin' }).click()
  await page.waitForURL(new RegExp(`user=${record.user}`))
  await page.getByText('User: admin', { exact: true }).waitFor()
  await page.getByRole('button', { name: 'Clear filters' }).click()
  await page.waitForURL((url) => url.search === '')

  await page.getByRole('button', { name: 'More filters' }).click()
  await page.getByRole('textbox', { name: 'Status' }).fill('9')
  await page.waitForURL(/status=9/)
  await page.getByText('must be a status such as 404', { exact: false }).waitFor()
  assert.equal(await page.getByRole('textbox', { name: 'Status' }).getAttribute('aria-invalid'), 'true')
  await page.getByRole('textbox', { name: 'Status' }).fill('')
  await page.waitForURL((url) => url.search === '')

  await page.getByRole('textbox', { name: 'Find by reference' }).fill(record.request)
  await page.keyboard.press('Enter')
  await page.waitForURL(/\/logs\/way\?reference=/)
  const hops = page.getByRole('list', { name: 'The request' })
  await hops.getByText(record.destination, { exact: false }).waitFor()
  assert.deepEqual(await hops.getByRole('listitem').locator('[data-label]').allTextContents(), ['Passed', 'Passed', 'Passed', 'Passed'])
  const written = page.getByRole('list', { name: 'In the connector’s log' }).getByText(record.request, { exact: false }).first()
  await until('what the connector has written of it', async () => { // the page asks for it once
    await written.or(page.getByText('The connector’s logs hold nothing of it.', { exact: false })).first().waitFor()
    return await written.isVisible() || (await page.reload(), false)
  })
  await see(page, 'logs-way')
})

test('who may not open an application: the denial in the sign-in log, and where a request stopped', async (t) => {
  const guest = await visit(t, system, { statuses: [403] })
  await guest.goto(notes('/not-for-guests'))
  await signIn(guest, 'guest', system.guestPassword)
  let denied, refused
  await until('the denial', () => { denied = system.json('sign-ins', 'list', '--result', 'denied').find((e) => e.reason === 'not-assigned'); return denied })
  await until('the refused request', () => { refused = system.json('traffic', 'list', '--path', '/not-for-guests').find((e) => e.outcome === 'refused'); return refused })
  const page = await visit(t, system)
  await open(page, system, '/logs/sign-ins?result=denied')
  await rows(page, 'Sign-ins').first().getByText('not-assigned').waitFor()
  await page.getByRole('button', { name: /^Details of/ }).first().click()
  await page.getByText(denied.request, { exact: true }).waitFor()
  await see(page, 'logs-sign-ins')
  await page.getByRole('link', { name: 'Follow the whole way' }).click()
  await page.getByRole('heading', { name: 'In the sign-in log' }).waitFor()
  await page.getByText('not-assigned', { exact: false }).first().waitFor()

  await page.goto(`${system.admin}/logs/way?reference=${refused.request}`)
  const hops = page.getByRole('list', { name: 'The request' })
  await hops.getByText('Stopped here').waitFor()
  assert.deepEqual(await hops.getByRole('listitem').locator('[data-label]').allTextContents(), ['Passed', 'Stopped here', 'Not reached', 'Not reached'])
  system.cli('connectors', 'update', 'demo', '--priority', '3')
  const [change] = system.json('audit', 'list', '--action', 'connector.update')
  system.cli('connectors', 'update', 'demo', '--priority', '0')
  await page.goto(`${system.admin}/logs/way?reference=${change.actor.request}`)
  await page.getByRole('region', { name: 'In the audit log' }).getByText('connector.update').waitFor()
  await page.goto(`${system.admin}/logs/way?reference=nothing-has-this`)
  await page.getByText('No log holds this reference.', { exact: false }).waitFor()
})

test('the audit log: what was changed by whom, and that the chain is whole', async (t) => {
  const page = await visit(t, system)
  await open(page, system, '/logs/audit')
  await rows(page, 'Audit').first().waitFor()
  const k = system.json('connectors', 'list')[0]
  system.cli('connectors', 'update', k.id, '--priority', '42')
  const { seq } = system.json('audit', 'list').find((e) => e.action === 'connector.update')
  await page.getByRole('button', { name: `Details of connector.update ${k.name} (${seq})` }).click() // it came by itself
  const changed = page.getByRole('table', { name: 'What changed' })
  await changed.getByRole('cell').first().waitFor()
  assert.deepEqual(await changed.getByRole('cell').allTextContents(), ['Priority', 'nothing', '42'])
  await page.getByRole('button', { name: 'Verify the chain' }).click()
  const said = page.getByRole('status').filter({ hasText: 'Whole: none of' })
  await said.waitFor()
  const head = await page.getByRole('region', { name: 'Head of the audit log' }).textContent()
  system.cli('audit', 'verify', '--head', head) // fails if the log does not hold that very entry
  await see(page, 'logs-audit')

  await page.getByRole('switch').click() // paused: nothing comes by itself
  await page.waitForURL(/live=off/)
  system.cli('connectors', 'update', k.id, '--priority', '43')
  await page.getByRole('switch').click()
  await until('what was missed is there, too', () => page.getByText(`${system.json('audit', 'list').length} found`, { exact: true }).isVisible())
})

test('what the filters find is exported, as CSV and as JSON', async (t) => {
  const page = await visit(t, system)
  const { record } = await work(t, '/=export,"me"')
  await open(page, system, '/logs/traffic?' + new URLSearchParams({ path: '/=export', outcome: 'forwarded', period: '24h' }))
  await rows(page, 'Traffic').first().waitFor()
  await page.getByRole('button', { name: 'Export', exact: true }).click()
  const panel = page.getByRole('dialog')
  await panel.getByText('Outcome: Forwarded').waitFor()
  await panel.getByText('Period: Last 24 hours').waitFor()
  const take = async (format) => {
    await panel.getByRole('radio', { name: format }).check()
    const [file] = await Promise.all([page.waitForEvent('download'), panel.getByRole('button', { name: 'Export', exact: true }).click()])
    return [file.suggestedFilename(), readFileSync(await file.path(), 'utf8')]
  }
  const [csvName, csv] = await take(/^CSV/)
  assert.equal(csvName, 'traffic.csv')
  const [head, ...lines] = csv.trim().split('\r\n')
  assert.equal(head.split(',')[0], 'time')
  const api = system.json('traffic', 'list', '--path', '/=export', '--outcome', 'forwarded')
  assert.equal(lines.length, api.length)
  assert.ok(lines.some((line) => line.includes(record.request)))
  const [jsonName, json] = await take(/^JSON/)
  assert.equal(jsonName, 'traffic.jsonl')
  assert.deepEqual(json.trim().split('\n').map((line) => JSON.parse(line).id), api.map((e) => e.id))
  await panel.getByRole('status').getByText(/entries are exported/).waitFor()
  await see(page, 'logs-export')
})

test('what a browser calls itself is a text, also when it looks like script', async (t) => {
  const userAgent = '<img src=x onerror="window.hit=1"><script>window.hit=1</script>'
  const { record } = await work(t, '/marked-up', { userAgent })
  const page = await visit(t, system)
  await open(page, system, '/logs/traffic?path=/marked-up&outcome=forwarded')
  await page.getByRole('button', { name: /^Details of GET/ }).first().click()
  await page.getByText(userAgent, { exact: true }).waitFor()
  await page.goto(`${system.admin}/logs/way?reference=${record.request}`)
  await page.getByText(userAgent, { exact: true }).waitFor()
  assert.equal(await page.evaluate(() => window.hit), undefined)
})

test('alerts: none on a healthy service', async (t) => {
  const page = await visit(t, system)
  await open(page, system, '/logs/alerts')
  await until('the page has what the API has', () => (system.json('alerts', 'list').length ? rows(page, 'Alerts').first() : page.getByText('Nothing is in this log yet.')).isVisible())
  await see(page, 'logs-alerts')
})

test('who may only read does not see what people do, and is told why', async (t) => {
  system.cli('users', 'update', 'guest', '--role', 'reader')
  const page = await visit(t, system)
  await open(page, system, '/logs', 'guest', system.guestPassword)
  await page.getByRole('tab', { name: 'Sign-ins', selected: true }).waitFor()
  await page.getByRole('tab', { name: 'Traffic' }).click()
  await page.getByText('Your roles do not allow this. It needs Owner or Log Reader.').first().waitFor()
  await see(page, 'logs-reader')
})

test('the logs by keyboard alone', async (t) => {
  const page = await visit(t, system)
  await open(page, system, '/logs/sign-ins')
  await rows(page, 'Sign-ins').first().waitFor()
  await page.getByRole('tab', { name: 'Sign-ins' }).focus()
  await page.keyboard.press('ArrowRight')
  await page.keyboard.press('Enter')
  await page.waitForURL(/\/logs\/audit/)
  const details = page.getByRole('button', { name: /^Details of/ }).first()
  await details.waitFor()
  for (let n = 0; n < 40 && !(await details.evaluate((e) => e === document.activeElement)); n++) await page.keyboard.press('Tab')
  await page.keyboard.press('Enter')
  await page.getByText('Place in the chain').first().waitFor()
})
