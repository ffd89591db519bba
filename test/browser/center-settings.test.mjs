// Settings in the admin center: where logs go, certificates, the authority, gateways.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { choose, demo, open, row, see, until, visit } from './center.mjs'
import { patience, look } from './postern.mjs'

let system

before(async () => { system = await demo() })
after(async () => { await system?.stop() })

const label = (page, name) => row(page, name).locator('[data-label]').first()

// collector is a syslog server that keeps what it is sent.
async function collector() {
  let got = ''
  const sockets = new Set()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('data', (data) => { got += data })
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const close = () => new Promise((resolve) => {
    for (const socket of sockets) socket.destroy()
    server.close(resolve)
  })
  return { url: `tcp://127.0.0.1:${server.address().port}`, got: () => got, close }
}

test('an export: made, tested, what arrives, and a destination that is away', async (t) => {
  const there = await collector()
  t.after(() => there.close())
  const page = await visit(t, system, { statuses: [422] })
  await open(page, system, '/settings')
  await page.getByText('Logs are sent nowhere.').waitFor()
  await page.getByRole('button', { name: 'Add an export' }).click()
  const form = page.getByRole('dialog')
  await form.getByRole('textbox', { name: 'Name' }).fill('SIEM')
  await form.getByRole('textbox', { name: 'Destination' }).fill('https://elsewhere')
  await form.getByRole('checkbox', { name: 'Audit' }).check()
  await form.getByRole('button', { name: 'Add', exact: true }).click()
  await form.getByText('must be a scheme (tls, tcp or udp)', { exact: false }).waitFor() // the API's words, at the field
  assert.equal(await form.getByRole('textbox', { name: 'Destination' }).getAttribute('aria-invalid'), 'true')
  await see(page, 'settings-export-new')
  await form.getByRole('textbox', { name: 'Destination' }).fill(there.url)
  await form.getByRole('checkbox', { name: 'It may be on the service’s own machine' }).check()
  await form.getByRole('button', { name: 'Add', exact: true }).click()
  await row(page, 'SIEM').getByText('Syslog').waitFor()

  await choose(page, 'SIEM', 'Send a test')
  await page.getByRole('dialog').getByRole('status').getByText('It took the event.').waitFor()
  await see(page, 'settings-export-test')
  await page.getByRole('button', { name: 'Close' }).click()
  assert.match(there.got(), /SIEM|test/i)

  system.cli('connectors', 'update', 'demo', '--priority', '5')
  await until('the change at the collector', () => there.got().includes('connector.update'))
  await label(page, 'SIEM').getByText('Everything is sent').waitFor()
  await page.getByRole('button', { name: 'Details of SIEM' }).click()
  await page.getByRole('list', { name: 'How far it is' }).getByText('Audit').waitFor()
  await see(page, 'settings-exports')

  await there.close()
  system.cli('connectors', 'update', 'demo', '--priority', '6')
  await label(page, 'SIEM').getByText('Failing').waitFor({ timeout: 2 * patience })
  await page.getByRole('list', { name: 'How far it is' }).getByText('failing since').waitFor()
  assert.ok(system.json('exports', 'list')[0].states[0].failing)
  await see(page, 'settings-exports-failing')

  await choose(page, 'SIEM', 'Edit')
  await page.getByRole('dialog').getByRole('checkbox', { name: 'Sign-ins' }).check()
  await page.getByRole('dialog').getByRole('button', { name: 'Save', exact: true }).click()
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  assert.deepEqual(system.json('exports', 'list')[0].streams, ['audit', 'sign-ins'])
  await choose(page, 'SIEM', 'Switch off')
  await label(page, 'SIEM').getByText('Switched off').waitFor()
  await choose(page, 'SIEM', 'History')
  await page.getByRole('dialog').getByText('export.update').first().waitFor()
  await page.getByRole('button', { name: 'Close' }).click()
  await choose(page, 'SIEM', 'Delete')
  await page.getByRole('alertdialog').getByRole('button', { name: 'Delete' }).click()
  await page.getByText('Logs are sent nowhere.').waitFor()
  assert.deepEqual(system.json('exports', 'list'), [])
})

test('a webhook with a secret, and mail for alerts', async (t) => {
  const page = await visit(t, system)
  await open(page, system, '/settings/exports')
  const form = page.getByRole('dialog')
  await page.getByRole('button', { name: 'Add an export' }).click()
  await form.getByRole('combobox', { name: 'Kind' }).selectOption('webhook')
  await form.getByRole('textbox', { name: 'Name' }).fill('Hook')
  await form.getByRole('textbox', { name: 'Destination' }).fill('https://hook.example.com/postern')
  await form.getByRole('checkbox', { name: 'Alerts' }).check()
  await form.getByLabel('Secret').fill('very secret')
  await form.getByRole('button', { name: 'Add', exact: true }).click()
  await row(page, 'Hook').waitFor()
  await page.getByRole('button', { name: 'Add an export' }).click()
  await form.getByRole('combobox', { name: 'Kind' }).selectOption('mail')
  assert.equal(await form.getByRole('checkbox', { name: 'Audit' }).count(), 0) // mail is for alerts
  await form.getByRole('textbox', { name: 'Name' }).fill('Ops')
  await form.getByRole('textbox', { name: 'Destination' }).fill('smtp://mail.example.com:587')
  await form.getByRole('textbox', { name: 'Sender' }).fill('postern@example.com')
  await form.getByRole('textbox', { name: 'Recipients' }).fill('ops@example.com\nada@example.com')
  await see(page, 'settings-export-mail')
  await form.getByRole('button', { name: 'Add', exact: true }).click()
  await row(page, 'Ops').waitFor()
  const made = Object.fromEntries(system.json('exports', 'list').map((e) => [e.name, e]))
  assert.equal(made.Hook.hasSecret, true)
  assert.deepEqual([made.Ops.kind, made.Ops.streams, made.Ops.to], ['mail', ['alerts'], ['ops@example.com', 'ada@example.com']])
  await choose(page, 'Hook', 'Change the secret')
  await form.getByRole('button', { name: 'Change' }).click() // empty: it is removed
  await form.waitFor({ state: 'detached' })
  await until('no secret', () => system.json('exports', 'list').find((e) => e.name === 'Hook').hasSecret === false)
  for (const name of ['Hook', 'Ops']) system.cli('exports', 'delete', name, '--yes')
})

test('a certificate of a host: added, replaced, deleted', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'postern-certificate-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  const make = (name, days) => {
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', String(days), '-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name}`,
      '-keyout', join(dir, 'key.pem'), '-out', join(dir, 'chain.pem')], { stdio: 'ignore' })
    return { chain: join(dir, 'chain.pem'), key: readFileSync(join(dir, 'key.pem'), 'utf8') }
  }
  const page = await visit(t, system, { statuses: [422] })
  await open(page, system, '/settings/certificates')
  await page.getByRole('button', { name: 'Add a certificate' }).click()
  const form = page.getByRole('dialog')
  const choosesChain = async (file) => {
    await form.locator('input[type=file]').first().setInputFiles(file)
    await page.waitForFunction((text) => [...document.querySelectorAll('[role=dialog] textarea')].some((area) => area.value === text), readFileSync(file, 'utf8'))
  }
  const soon = make('extra.example.com', 5)
  await form.getByRole('textbox', { name: 'Host' }).fill('extra.example.com')
  await choosesChain(soon.chain)
  await form.getByRole('textbox', { name: 'Private key (PEM)' }).fill('not a key')
  await form.getByRole('button', { name: 'Add', exact: true }).click()
  await page.locator('[aria-invalid=true]').first().waitFor()
  await see(page, 'settings-certificate-new')
  await form.getByRole('textbox', { name: 'Private key (PEM)' }).fill(soon.key)
  await form.getByRole('button', { name: 'Add', exact: true }).click()
  await label(page, 'extra.example.com').getByText('Ends soon').waitFor()
  const found = () => system.json('certificates', 'list').find((c) => c.domain === 'extra.example.com')
  const before = found()
  await choose(page, 'extra.example.com', 'Replace')
  const long = make('extra.example.com', 90)
  await choosesChain(long.chain)
  await form.getByRole('textbox', { name: 'Private key (PEM)' }).fill(long.key)
  await form.getByRole('button', { name: 'Replace', exact: true }).click()
  await label(page, 'extra.example.com').getByText('Valid').waitFor()
  assert.notEqual(found().sha256, before.sha256)
  await page.getByRole('button', { name: 'Details of extra.example.com' }).click()
  await page.getByText(found().sha256).waitFor()
  await see(page, 'settings-certificates')
  await choose(page, 'extra.example.com', 'Delete')
  await page.getByRole('alertdialog').getByRole('button', { name: 'Delete' }).click()
  await row(page, 'extra.example.com').waitFor({ state: 'detached' })
  assert.equal(found(), undefined)
})

test('gateways, and what runs here', async (t) => {
  const page = await visit(t, system)
  await open(page, system, '/settings/gateways')
  const [gateway] = system.json('gateways', 'list')
  await row(page, gateway.address).getByText('answers this page').waitFor()
  await label(page, gateway.address).getByText('Active').waitFor()
  await page.getByRole('button', { name: `Details of ${gateway.address}` }).click()
  await page.getByText(gateway.id, { exact: true }).waitFor()
  await see(page, 'settings-gateways')
  await page.getByRole('tab', { name: 'Gateways' }).focus() // and on by keyboard
  await page.keyboard.press('ArrowRight')
  await page.keyboard.press('End')
  await page.keyboard.press('Enter')
  await page.waitForURL(/\/settings\/about/)
  await page.getByRole('list', { name: 'What the service looks at' }).getByRole('listitem').first().waitFor()
  await page.getByText(`${system.admin}/api/v1`, { exact: true }).waitFor()
  await see(page, 'settings-about')
})

test('who may only read sees the settings, and why nothing can be changed', async (t) => {
  system.cli('users', 'update', 'guest', '--role', 'reader')
  const page = await visit(t, system, { statuses: [403] }) // it still asks for what the next role may not read
  await open(page, system, '/settings/exports', 'guest', system.guestPassword)
  assert.equal(await page.getByRole('button', { name: 'Add an export' }).getAttribute('aria-disabled'), 'true')
  await page.getByRole('tab', { name: 'Authority and keys' }).click()
  const begin = page.getByRole('button', { name: 'Begin an exchange' })
  assert.equal(await begin.getAttribute('aria-disabled'), 'true')
  await begin.hover()
  await page.getByText('Your roles do not allow this. It needs Owner.').filter({ visible: true }).first().waitFor()
  system.cli('users', 'update', 'guest', '--role', 'policy-administrator')
  await until('the page knows the other role', async () => {
    await page.reload()
    return page.getByText('Your roles do not allow this. It needs', { exact: false }).first().waitFor({ timeout: 10_000 }).then(() => true, () => false)
  })
  await see(page, 'settings-reader')
})

test('branding: seen before it is saved, refused where people could not read it, and then on the pages of everybody', async (t) => {
  const page = await visit(t, system, { statuses: [422] })
  await open(page, system, '/settings/branding')
  const field = (name) => page.getByRole('textbox', { name, exact: true })
  await field('Name').fill('Example & Sons')
  await field('Colour').fill('#ffcc00')
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  await page.getByText('Choose a darker colour, such as #', { exact: false }).waitFor()
  await field('Colour').fill('#7a1f3d')
  await page.getByRole('group', { name: 'Logo' }).locator('input[type=file]').setInputFiles({ name: 'logo.svg', mimeType: 'image/svg+xml', buffer: Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 20"><path fill="#7a1f3d" d="M0 0h40v20z"/></svg>') })
  const preview = page.getByRole('figure', { name: 'A light page' })
  await preview.locator('img').waitFor()
  await preview.getByText('Example & Sons').waitFor()
  assert.equal(await preview.getByText('Sign in').last().evaluate((e) => getComputedStyle(e).backgroundColor), 'rgb(122, 31, 61)')
  await see(page, 'branding')
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  await page.getByText('The pages look so now.').first().waitFor()
  t.after(() => system.cli('branding', 'update', '--name', '', '--colour', '', '--logo', ''))

  const context = await system.browser.newContext({ javaScriptEnabled: false }) // they are whole without script
  t.after(() => context.close())
  context.setDefaultTimeout(patience)
  const person = await context.newPage()
  await until('the pages look so', async () => {
    await person.goto(`${system.portal}/sign-in`)
    return await person.getByText('Example & Sons').count() > 0
  })
  await person.getByRole('button', { name: 'Sign in' }).waitFor()
  const seen = await visit(t, system, { statuses: [404] })
  await seen.goto(`${system.portal}/nothing`)
  assert.ok(await seen.locator('header img').evaluate((e) => e.complete && e.naturalWidth > 0), 'the logo is drawn, as its policy says')
  await look(seen, 'branded-error', { ours: true })
  await seen.goto(`${system.portal}/sign-in`)
  await look(seen, 'branded-sign-in', { ours: true })
  assert.equal(await seen.getByRole('button', { name: 'Sign in' }).evaluate((e) => getComputedStyle(e).backgroundColor), 'rgb(122, 31, 61)')
})

// The last one: the browser does not know the new root.
test('the exchange of the root: who would be cut off, who has followed, and the end', async (t) => {
  const page = await visit(t, system, { lost: true })
  await open(page, system, '/settings/authority')
  const first = system.json('ca', 'status')
  await page.getByText(first.roots[0].fingerprint, { exact: true }).waitFor()
  await page.getByText(first.issuing.fingerprint, { exact: true }).waitFor()
  for (const key of first.keys) await page.getByText(key.id, { exact: true }).waitFor()

  await page.getByRole('button', { name: 'Rotate: Cookies of sessions' }).click()
  await page.getByRole('alertdialog').getByRole('button', { name: 'Rotate' }).click()
  await page.getByText(/^Signs from/).first().waitFor()
  await page.getByRole('button', { name: 'Make a new issuing certificate' }).click()
  await page.getByRole('alertdialog').getByRole('button', { name: 'Make a new issuing certificate' }).click()
  await until('another issuing certificate', () => system.json('ca', 'status').issuing.fingerprint !== first.issuing.fingerprint)

  system.cli('connectors', 'update', 'demo', '--disabled')
  await page.getByRole('button', { name: 'Begin an exchange' }).click()
  await page.getByRole('alertdialog').getByRole('button', { name: 'Begin an exchange' }).click()
  const waiting = page.getByRole('list', { name: 'Finishing now would cut these off:' })
  await waiting.getByText('is disabled, so it cannot renew', { exact: false }).waitFor()
  assert.equal(system.json('ca', 'status').roots.length, 2)
  await page.getByRole('button', { name: 'Finish and cut them off' }).waitFor()
  await see(page, 'settings-authority-exchange')
  system.cli('connectors', 'update', 'demo', '--disabled=false')
  await page.getByText('Every connector has followed', { exact: false }).waitFor({ timeout: 4 * patience })
  await see(page, 'settings-authority')
  await page.getByRole('button', { name: 'Finish', exact: true }).click()
  await page.getByRole('alertdialog').getByRole('button', { name: 'Finish' }).click()
  await until('the end of the root before', () => { // whoever trusts that one alone, as this command line may, is told so
    try {
      return system.json('ca', 'status').roots.length === 1
    } catch (error) {
      return /signed by unknown authority/.test(error.stderr)
    }
  })
})
