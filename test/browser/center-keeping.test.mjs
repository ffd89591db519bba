// What the service keeps, and what it was started with, in the admin center: retention, backups, the history of the branding, flags.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { demo, open, row, see, until, visit } from './center.mjs'
import { patience, postern } from './postern.mjs'

let system

before(async () => { system = await demo() })
after(async () => { await system?.stop() })

const field = (page, name) => page.getByRole('textbox', { name, exact: true })
const save = (page) => page.getByRole('button', { name: 'Save', exact: true })
const inForce = (page, name) => page.locator(`[data-in-force=${name}]`)

test('retention: what is in force and why, errors at the field, a question before anything is removed, history and undo', async (t) => {
  const page = await visit(t, system, { statuses: [422] })
  await open(page, system, '/settings/retention')
  await inForce(page, 'auditDays').getByText('In force: 400 days, what is usual.').waitFor()
  await inForce(page, 'trafficBytes').getByText('In force: 10 GiB, what is usual.').waitFor()
  await see(page, 'settings-retention')
  assert.ok(await save(page).isDisabled() || await save(page).getAttribute('aria-disabled') === 'true', 'nothing is to be saved')

  await field(page, 'Audit log').fill('7')
  await save(page).click()
  await page.getByRole('alertdialog').getByRole('button', { name: 'Keep less' }).click()
  await page.getByText('must be from 30 to 3650 days', { exact: false }).waitFor() // the API's words, at the field
  assert.equal(await field(page, 'Audit log').getAttribute('aria-invalid'), 'true')
  await field(page, 'Audit log').fill('many')
  await save(page).click()
  await page.getByText('must be a whole number', { exact: false }).or(page.getByText('must be an integer', { exact: false })).or(page.getByText('must be a number', { exact: false })).first().waitFor()
  await see(page, 'settings-retention-wrong')
  await field(page, 'Audit log').fill('500')
  await field(page, 'Size of the traffic log').fill('20480')
  await save(page).click() // more is kept: nobody is asked
  await inForce(page, 'auditDays').getByText('In force: 500 days, set here.').waitFor()
  await inForce(page, 'trafficBytes').getByText('In force: 20 GiB, set here.').waitFor()
  const told = system.json('retention', 'show')
  assert.deepEqual([told.auditDays, told.trafficBytes, told.inForce.audit.seconds], [500, 20 * 2 ** 30, 500 * 86_400])

  await field(page, 'Sign-in log').fill('5')
  await save(page).click()
  const dialog = page.getByRole('alertdialog')
  await dialog.getByText('cannot be brought back', { exact: false }).waitFor()
  await see(page, 'settings-retention-less')
  await dialog.getByRole('button', { name: 'Cancel' }).click()
  assert.equal(system.json('retention', 'show').signInDays, undefined, 'nothing was saved')
  await save(page).click()
  await dialog.getByRole('button', { name: 'Keep less' }).click()
  await inForce(page, 'signInDays').getByText('In force: 5 days, set here.').waitFor()

  await page.getByRole('button', { name: 'History', exact: true }).click()
  const panel = page.getByRole('dialog')
  await panel.getByText('From the beginning').waitFor()
  await see(page, 'settings-retention-history')
  await panel.getByRole('button', { name: /version 1/ }).click()
  await inForce(page, 'auditDays').getByText('In force: 400 days, what is usual.').waitFor()
})

test('two administrators change the retention: what both changed is asked about, nothing is lost', async (t) => {
  const page = await visit(t, system, { statuses: [412] })
  await open(page, system, '/settings/retention')
  await field(page, 'Audit log').fill('600')
  await field(page, 'Sign-in log').fill('200')
  system.cli('retention', 'update', '--audit-days', '700', '--traffic-days', '40')
  t.after(() => system.cli('retention', 'update', '--audit-days', '0', '--sign-in-days', '0', '--traffic-days', '0'))
  await save(page).click()
  const clash = page.getByRole('group', { name: 'Somebody else changed this meanwhile' })
  await clash.getByRole('radio', { name: /Now, by somebody else: 700/ }).waitFor()
  await clash.getByRole('radio', { name: /Yours: 600/ }).check()
  await clash.getByRole('button', { name: 'Save the merged version' }).click()
  await until('both are kept', () => {
    const now = system.json('retention', 'show')
    return now.auditDays === 600 && now.signInDays === 200 && now.trafficDays === 40
  })
})

test('a backup: the downloaded file restores, and who may not take one sees why', async (t) => {
  const page = await visit(t, system)
  await open(page, system, '/settings/backup')
  await see(page, 'settings-backup')
  const coming = page.waitForEvent('download', { timeout: 2 * patience })
  await page.getByRole('button', { name: 'Download a backup' }).click()
  const download = await coming
  assert.match(download.suggestedFilename(), /^postern-\d{8}-\d{6}\.backup$/)
  await page.getByText(`${download.suggestedFilename()} (`, { exact: false }).waitFor()
  const dir = mkdtempSync(join(tmpdir(), 'postern-restored-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  const file = join(dir, 'downloaded')
  await download.saveAs(file)
  const data = join(dir, 'data')
  mkdirSync(data, { mode: 0o700 })
  copyFileSync(join(system.dir, 'service', 'master.key'), join(data, 'master.key'))
  const run = (...args) => execFileSync(postern(), args, { encoding: 'utf8' })
  assert.match(run('db', 'verify', file, '--data', data), /A good backup/)
  run('db', 'restore', file, '--data', data)
  assert.match(run('db', 'check', '--data', data), /No problems found/)
  assert.ok(system.json('audit', 'list', '--limit', '50').some((e) => e.action === 'backup.take'), 'it stands in the audit log')
  await see(page, 'settings-backup-done')

  system.cli('users', 'update', 'guest', '--role', 'reader')
  t.after(() => system.cli('users', 'update', 'guest', '--role', ''))
  const reader = await visit(t, system, { statuses: [403] }) // it still asks when the role is gone
  await open(reader, system, '/settings/backup', 'guest', system.guestPassword)
  const button = reader.getByRole('button', { name: 'Download a backup' })
  assert.equal(await button.getAttribute('aria-disabled'), 'true')
})

test('the branding has a history, and an earlier look comes back with its logo', async (t) => {
  const page = await visit(t, system)
  await open(page, system, '/settings/branding')
  await field(page, 'Name').fill('Example & Sons')
  await page.getByRole('group', { name: 'Logo' }).locator('input[type=file]').setInputFiles({ name: 'logo.svg', mimeType: 'image/svg+xml', buffer: Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 20"><path d="M0 0h40v20z"/></svg>') })
  await page.getByRole('figure', { name: 'A light page' }).locator('img').waitFor() // it is read
  await save(page).click()
  await page.getByText('The pages look so now.').first().waitFor()
  system.cli('branding', 'update', '--name', 'Other', '--logo', '')
  t.after(() => system.cli('branding', 'update', '--name', '', '--logo', ''))
  await page.reload()
  await page.waitForFunction(() => [...document.querySelectorAll('#content input')].some((i) => i.value === 'Other'))
  await page.getByRole('button', { name: 'History', exact: true }).click()
  const panel = page.getByRole('dialog')
  await panel.getByText(/SVG [0-9a-f]{12}…/).first().waitFor()
  await see(page, 'settings-branding-history')
  await panel.getByRole('button', { name: /version 2/ }).click()
  await page.waitForFunction(() => [...document.querySelectorAll('#content input')].some((i) => i.value === 'Example & Sons'))
  await page.getByRole('figure', { name: 'A light page' }).locator('img').waitFor()
})

test('the service: its URLs, who knows them, and the flags that are in force', async (t) => {
  const page = await visit(t, system)
  await open(page, system, '/settings/service')
  await page.getByRole('region', { name: 'Service URL' }).getByText(system.portal, { exact: true }).waitFor()
  await page.getByRole('region', { name: 'Admin URL' }).getByText(system.admin, { exact: true }).waitFor()
  await page.getByText('Every connector with a tunnel has said that it has the configuration with this URL.').waitFor()
  const shown = system.json('settings')
  await page.setViewportSize({ width: 1280, height: 2400 }) // rows that are not seen are not there
  for (const { name, value } of shown.filter((s) => s.value)) {
    await page.getByRole('row').filter({ hasText: `--${name}` }).filter({ hasText: value }).first().waitFor()
  }
  await row(page, 'Load balancers that are trusted').getByRole('button').first().click()
  await page.getByText('PROXY protocol, version 2', { exact: false }).waitFor()
  await see(page, 'settings-service')
})
