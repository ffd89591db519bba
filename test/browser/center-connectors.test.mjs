// Connectors and groups in the admin center: what is shown is true, and what an administrator does with them is done.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { choose, demo, open, row, see, signIn, until, visit } from './center.mjs'
import { freeze, patience, postern } from './postern.mjs'

let system

before(async () => { system = await demo() })
after(async () => { await system?.stop() })

const label = (page, name) => row(page, name).locator('[data-label]').first()
const connector = (name) => system.json('connectors', 'list').find((k) => k.name === name)

test('signing in, the list of connectors, and signing out', async (t) => {
  const page = await visit(t, system)
  await open(page, system, '/connectors?view=')
  await page.getByRole('heading', { level: 1, name: 'Connectors' }).waitFor()
  await label(page, 'demo').getByText('Active').waitFor()
  await see(page, 'connectors')

  await page.getByRole('button', { name: 'Details of demo' }).click()
  const detail = page.getByRole('cell').filter({ hasText: 'Last answered a probe' })
  await detail.waitFor()
  const api = connector('demo')
  for (const text of [api.host.machineName, `${api.host.os} / ${api.host.arch}`, api.certificate.serial, api.id, '1 application']) await detail.getByText(text, { exact: true }).waitFor()
  const load = detail.getByRole('region', { name: 'The last hour' })
  await load.getByRole('img', { name: /^Head-room/ }).waitFor()
  await load.getByText(/was left at the worst moment|has not measured itself yet/).waitFor()
  await see(page, 'connectors-open')
  await page.reload()
  await detail.waitFor() // what is open stands in the address

  await page.getByRole('combobox', { name: 'Status' }).selectOption('inactive')
  await page.getByText('Nothing matches these filters.').waitFor()
  assert.match(page.url(), /status=inactive/)
  await page.getByRole('combobox', { name: 'Status' }).selectOption('')
  await page.getByRole('searchbox', { name: 'Search by name' }).fill('DEM')
  await page.waitForURL(/search=DEM/)
  await row(page, 'demo').waitFor()

  await page.getByRole('button', { name: 'Account: admin' }).click()
  await page.getByText('Owner').waitFor()
  await page.getByRole('menuitem', { name: 'Sign out' }).click()
  await page.getByRole('heading', { level: 1, name: 'You are signed out' }).waitFor()
  await see(page, 'signed-out')
  await page.goto(system.admin + '/connectors')
  await page.locator('input[name=password]').waitFor()
  assert.ok(page.url().startsWith(system.portal))
})

test('the appearance is chosen, and stays chosen', async (t) => {
  const page = await visit(t, system, { colorScheme: 'light' })
  await open(page, system, '/connectors')
  const scheme = () => page.evaluate(() => document.documentElement.style.colorScheme)
  assert.equal(await scheme(), 'light')
  await page.getByRole('button', { name: 'Account: admin' }).click()
  await page.getByRole('menuitemradio', { name: 'Dark' }).click()
  await page.waitForFunction(() => document.documentElement.style.colorScheme === 'dark')
  await page.reload()
  await page.waitForFunction(() => document.documentElement.style.colorScheme === 'dark')
})

test('what the menu does with a connector', async (t) => {
  const page = await visit(t, system, { statuses: [422] })
  await open(page, system, '/connectors')
  await label(page, 'demo').getByText('Active').waitFor()

  await choose(page, 'demo', 'Rename')
  await see(page, 'connector-rename')
  await page.getByRole('textbox', { name: 'Name' }).fill('')
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  await page.getByRole('dialog').getByText('must', { exact: false }).first().waitFor() // the API's words, at the field
  assert.equal(await page.getByRole('textbox', { name: 'Name' }).getAttribute('aria-invalid'), 'true')
  await page.getByRole('textbox', { name: 'Name' }).fill('site-1')
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  await row(page, 'site-1').waitFor()
  assert.ok(connector('site-1'))

  await choose(page, 'site-1', 'Drain')
  await label(page, 'site-1').getByText('Draining').waitFor()
  assert.equal(connector('site-1').draining, true)
  await choose(page, 'site-1', 'End draining')
  await label(page, 'site-1').getByText('Active').waitFor()

  await choose(page, 'site-1', 'Disable')
  await page.getByRole('alertdialog').getByRole('button', { name: 'Disable' }).click()
  await label(page, 'site-1').getByText('Disabled').waitFor()
  await choose(page, 'site-1', 'Enable')
  await label(page, 'site-1').getByText('Active').waitFor()

  await choose(page, 'site-1', 'History')
  await page.getByRole('dialog').getByText('connector.update').first().waitFor()
  await see(page, 'connector-history')
  await page.getByRole('button', { name: 'Close' }).click()

  await choose(page, 'site-1', 'Run doctor')
  await page.getByRole('dialog').getByText('It took', { exact: false }).waitFor({ timeout: 3 * patience })
  await see(page, 'connector-doctor')
  await page.keyboard.press('Escape')
  await choose(page, 'site-1', 'Rename')
  await page.getByRole('textbox', { name: 'Name' }).fill('demo')
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  await row(page, 'demo').waitFor()
})

test('the session log shows a request a moment after it was made', async (t) => {
  const page = await visit(t, system)
  await open(page, system, '/connectors')
  await choose(page, 'demo', 'Logs')
  const panel = page.getByRole('dialog')
  await panel.getByRole('log', { name: 'Admin log' }).getByText('C', { exact: false }).first().waitFor()
  await panel.getByRole('tab', { name: 'Session log' }).click()
  await panel.getByText('The session log is off.').waitFor()
  await panel.getByRole('button', { name: 'Switch on for 15 minutes' }).click()
  await panel.getByText('The session log is on', { exact: false }).waitFor()

  const other = await visit(t, system)
  await other.goto(system.notes)
  await signIn(other, 'admin', system.adminPassword)
  await other.getByRole('heading', { level: 1, name: 'Notes' }).waitFor()
  const mark = `mark-${process.pid}`
  await until('the transaction in the log', async () => { // the connector hears of the switch a moment later
    await other.goto(`${system.notes}?${mark}`)
    return (await panel.getByRole('log').getByText('Notes', { exact: false }).count()) > 0
  })
  await see(page, 'connector-session-log')
  await panel.getByRole('button', { name: 'Switch off' }).click()
  await panel.getByText('The session log is off.').waitFor()
})

test('a connector is dragged to another group, from the list and between groups; what follows is said before', async (t) => {
  system.cli('connector-groups', 'create', 'Annex')
  t.after(() => {
    system.cli('connectors', 'update', 'demo', '--connector-group', 'Default')
    system.cli('connector-groups', 'delete', 'Annex', '--yes')
  })
  const inGroup = () => { // by name, of the connector
    const groups = system.json('connector-groups', 'list')
    return groups.find((g) => g.id === system.json('connectors', 'show', 'demo').connectorGroup).name
  }
  const page = await visit(t, system)
  await open(page, system, '/connectors')
  const id = system.json('connectors', 'show', 'demo').id
  const handle = page.locator(`[data-drag="${id}"]`)
  const drag = async (from, to) => { // as a hand does: pressed, moved, let go
    await from.hover()
    await page.mouse.down()
    await page.mouse.move(640, 400, { steps: 4 })
    await to().hover()
    await to().hover() // Chromium tells of the first place only by a second move
    await page.mouse.up()
  }
  const target = () => page.locator('[data-drop-bar] [data-drop]').filter({ hasText: /^Annex$/ })
  await drag(handle, target)
  const dialog = page.getByRole('alertdialog')
  await dialog.getByText('Move demo to Annex?').waitFor()
  await dialog.getByText('No active connector is left in Default', { exact: false }).waitFor()
  await see(page, 'connector-drag')
  await dialog.getByRole('button', { name: 'Cancel' }).click()
  assert.equal(inGroup(), 'Default', 'nothing happens before it is said')
  await drag(handle, target)
  await dialog.getByRole('button', { name: 'Move', exact: true }).click()
  await row(page, 'demo').getByText('Annex').waitFor()
  assert.equal(inGroup(), 'Annex')

  await page.getByRole('tab', { name: 'Groups' }).click()
  await page.getByRole('button', { name: 'Details of Annex' }).click()
  await drag(handle, () => row(page, 'Default'))
  await dialog.getByText('Move demo to Default?').waitFor()
  await dialog.getByRole('button', { name: 'Move', exact: true }).click()
  await until('it is back', () => inGroup() === 'Default')
})

test('a new group with connectors chosen in the same form', async (t) => {
  const page = await visit(t, system, { statuses: [409] })
  await open(page, system, '/connectors?view=groups')
  await row(page, 'Default').getByText('1 of 1 active').waitFor()
  await page.getByRole('button', { name: 'New connector group' }).click()
  const form = page.getByRole('dialog')
  await form.getByRole('textbox', { name: 'Name' }).fill('Default')
  await form.getByRole('checkbox', { name: /^demo/ }).check()
  await form.getByRole('button', { name: 'Create' }).click()
  await form.getByRole('alert').waitFor()
  await form.getByRole('textbox', { name: 'Name' }).fill('Branch')
  await see(page, 'group-new')
  await form.getByRole('button', { name: 'Create' }).click()
  await row(page, 'Branch').getByText('1 of 1 active').waitFor()
  const branch = system.json('connector-groups', 'list').find((g) => g.name === 'Branch')
  assert.equal(connector('demo').connectorGroup, branch.id)
  await page.getByRole('button', { name: 'Details of Branch' }).click()
  await see(page, 'groups')

  await page.getByRole('tab', { name: 'Connectors', exact: true }).click()
  await choose(page, 'demo', 'Move to another group')
  await page.getByRole('radio', { name: 'Default' }).check()
  await page.getByRole('button', { name: 'Move to another group' }).click()
  await row(page, 'demo').getByText('Default').waitFor()
  await page.getByRole('tab', { name: 'Connector groups' }).click()
  await choose(page, 'Branch', 'Delete')
  await page.getByRole('alertdialog').getByRole('button', { name: 'Delete' }).click()
  await row(page, 'Branch').waitFor({ state: 'detached' })
})

test('a connector is added: a token, its command, and the line that tells when it is there', async (t) => {
  const page = await visit(t, system)
  await open(page, system, '/connectors')
  await page.getByRole('button', { name: 'Add a connector' }).click()
  await page.getByRole('textbox', { name: 'Name of the token' }).fill('site-2')
  await page.getByRole('button', { name: 'Make a token' }).click()
  await page.getByText('Waiting for a connector to enrol', { exact: false }).waitFor()
  for (const [tab, command] of [['Windows', /\| \.\\postern-connector\.exe install --token-file -$/], ['macOS', /^sudo \.\/postern-connector install/], ['Linux', /^sudo \.\/postern-connector install/]]) {
    await page.getByRole('tab', { name: tab }).click()
    assert.match(await page.getByRole('region', { name: 'Command' }).textContent(), command)
  }
  await see(page, 'connector-add')
  await page.getByRole('tab', { name: 'Try it without installing' }).click()
  const command = await page.getByRole('region', { name: 'Command' }).textContent()
  const state = join(system.dir, 'second')
  const shell = spawn('bash', ['-c', `exec ${command} --state ${state} --name site-2`], { cwd: dirname(postern()), stdio: 'ignore', detached: true })
  t.after(() => { try { process.kill(shell.pid, 'SIGINT') } catch { /* it has ended */ } })
  await page.getByText('site-2 is connected and answers probes.').waitFor({ timeout: 2 * patience })
  await page.getByRole('button', { name: 'Close' }).click()
  await label(page, 'site-2').getByText('Active').waitFor()

  await choose(page, 'site-2', 'Delete')
  await page.getByRole('alertdialog').getByRole('button', { name: 'Delete' }).click()
  await row(page, 'site-2').waitFor({ state: 'detached' })
  assert.equal(connector('site-2'), undefined)
})

test('a connector that is killed is seen to be so within 30 seconds', async (t) => {
  const page = await visit(t, system)
  await open(page, system, '/connectors')
  await label(page, 'demo').getByText('Active').waitFor()
  const goOn = await freeze(system)
  try {
    await label(page, 'demo').getByText('Degraded').or(label(page, 'demo').getByText('Inactive')).waitFor({ timeout: 2 * 30_000 + 3_000 }) // twice and a bit: every part of the tests shares the machine
    await see(page, 'connector-degraded')
  } finally {
    goOn()
  }
  await label(page, 'demo').getByText('Active').waitFor({ timeout: 2 * patience })
})

test('who may only read sees everything, and why nothing can be changed', async (t) => {
  system.cli('users', 'update', 'guest', '--role', 'reader')
  const page = await visit(t, system)
  await open(page, system, '/connectors', 'guest', system.guestPassword)
  await label(page, 'demo').getByText('Active').waitFor()
  const add = page.getByRole('button', { name: 'Add a connector' })
  assert.equal(await add.getAttribute('aria-disabled'), 'true')
  await add.focus()
  await page.getByText('Your roles do not allow this. It needs', { exact: false }).first().waitFor()
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: 'Actions for demo' }).click()
  assert.equal(await page.getByRole('menuitem', { name: /^Rename/ }).getAttribute('aria-disabled'), 'true')
  assert.equal(await page.getByRole('menuitem', { name: 'Run doctor' }).getAttribute('aria-disabled'), null)
  await see(page, 'connectors-reader', { without: ['region'] }) // a menu lies beside the page
})

test('who has no role is told so by the portal', async (t) => {
  system.cli('users', 'update', 'guest', '--role', '')
  const page = await visit(t, system, { statuses: [403] })
  await page.goto(system.admin + '/connectors')
  await signIn(page, 'guest', system.guestPassword)
  await page.getByRole('heading', { level: 1, name: 'You may not use the admin center' }).waitFor()
  await page.getByText('You are signed in as guest').waitFor()
})
