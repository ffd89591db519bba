// Tokens and keys in the admin center: made and shown once, used, expired, deleted.
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { choose, demo, open, row, see, until, visit } from './center.mjs'
import { patience, postern } from './postern.mjs'

let system

before(async () => { system = await demo() })
after(async () => { await system?.stop() })

const label = (page, name) => row(page, name).locator('[data-label]').first()

test('an enrolment token is made, shown once, used by a connector, and deleted', async (t) => {
  const page = await visit(t, system, { statuses: [422] })
  await open(page, system, '/keys')
  await page.getByRole('button', { name: 'Make a token' }).click()
  const form = page.getByRole('dialog')
  await form.getByRole('button', { name: 'Make it' }).click()
  await page.locator('input[aria-invalid=true]').waitFor()
  await form.getByRole('textbox', { name: 'What it is for' }).fill('hq-2')
  await form.getByRole('combobox', { name: 'Expires' }).selectOption('In 7 days')
  await form.getByRole('checkbox', { name: 'Wait for approval' }).check()
  await see(page, 'token-new')
  await form.getByRole('button', { name: 'Make it' }).click()
  const text = await form.getByRole('region', { name: 'Token' }).textContent()
  await form.getByText('Waiting for a connector to enrol', { exact: false }).waitFor()
  await see(page, 'token-made')
  const state = join(system.dir, 'second')
  const shell = spawn('bash', ['-c', `exec ${postern()}-connector run --token-file - --state ${state} --name hq-2 <<< '${text}'`], { stdio: 'ignore', detached: true })
  t.after(() => { try { process.kill(shell.pid, 'SIGINT') } catch { /* it has ended */ } })
  await form.getByText('hq-2 has enrolled and waits for your approval.').waitFor({ timeout: 2 * patience })
  await form.getByRole('button', { name: 'Approve' }).click()
  await form.getByText('hq-2 is connected and answers probes.').waitFor({ timeout: 2 * patience })
  await form.getByRole('button', { name: 'Done' }).click()
  await label(page, 'hq-2').getByText('Used').waitFor()
  await row(page, 'hq-2').getByRole('link', { name: 'hq-2' }).waitFor()
  assert.ok(!(await page.content()).includes(text), 'the token is shown once')

  const [used] = system.json('tokens', 'list').filter((k) => k.name === 'hq-2')
  assert.equal(Math.round((new Date(used.expires) - new Date(used.created)) / 86_400_000), 7)
  system.cli('tokens', 'create', 'spare', '--out', join(system.dir, 'spare'))
  await page.getByRole('combobox', { name: 'State' }).selectOption('unused')
  await label(page, 'spare').getByText('Not used yet').waitFor()
  await row(page, 'hq-2').waitFor({ state: 'detached' })
  await page.getByRole('button', { name: 'Details of spare' }).click()
  await see(page, 'tokens')
  await choose(page, 'spare', 'Delete')
  await page.getByRole('alertdialog').getByRole('button', { name: 'Delete' }).click()
  await page.getByText('There is no such token.').waitFor()
  assert.equal(system.json('tokens', 'list').find((k) => k.name === 'spare'), undefined)
})

test('an API key is made with a scope, works as it says, and is refused once deleted', async (t) => {
  const page = await visit(t, system, { statuses: [422] })
  await open(page, system, '/keys/api')
  await page.getByRole('button', { name: 'Make an API key' }).click()
  const form = page.getByRole('dialog')
  await form.getByRole('textbox', { name: 'What it is for' }).fill('backup job')
  await form.getByRole('checkbox', { name: 'Application Administrator' }).check()
  await form.getByRole('textbox', { name: 'Only these' }).fill('nonsense')
  await form.getByRole('button', { name: 'Make it' }).click()
  await page.locator('input[aria-invalid=true]').waitFor() // the API's words, at the field
  await see(page, 'key-new')
  await form.getByRole('textbox', { name: 'Only these' }).fill('')
  await form.getByRole('checkbox', { name: 'Read only' }).check()
  await form.getByRole('combobox', { name: 'Expires' }).selectOption('In a day')
  await form.getByRole('button', { name: 'Make it' }).click()
  const secret = await form.getByRole('region', { name: 'API key' }).textContent()
  await see(page, 'key-made')
  await form.getByRole('button', { name: 'Done' }).click()
  await label(page, 'backup job').getByText('Good').waitFor()
  assert.ok(!(await page.content()).includes(secret), 'the key is shown once')
  const as = (method, path, body) => execFileSync('curl', ['-s', '-o', '/dev/null', '-w', '%{http_code}', '--cacert', join(system.dir, 'ca.pem'), '-X', method, '-H', `Authorization: Bearer ${secret}`,
    ...(body ? ['-H', 'Content-Type: application/json', '-d', body] : []), `${system.admin}/api/v1${path}`], { encoding: 'utf8' })
  assert.equal(as('GET', '/applications'), '200')
  assert.equal(as('POST', '/connector-groups', '{"name":"Sneaky"}'), '403')
  await page.getByRole('button', { name: 'Details of backup job' }).click()
  await until('its last use', () => Boolean(system.json('keys', 'list').find((k) => k.name === 'backup job').lastUsed))
  await see(page, 'keys')
  await choose(page, 'backup job', 'Delete')
  await page.getByRole('alertdialog').getByRole('button', { name: 'Delete' }).click()
  await row(page, 'backup job').waitFor({ state: 'detached' })
  assert.equal(as('GET', '/applications'), '401')
})

test('access keys of users, and what somebody may see of all this', async (t) => {
  const page = await visit(t, system)
  await open(page, system, '/keys/access')
  await page.getByText('Nobody has an access key.').waitFor()
  await see(page, 'keys-access')
  system.cli('users', 'update', 'guest', '--role', 'policy-administrator')
  const other = await visit(t, system)
  await open(other, system, '/keys', 'guest', system.guestPassword)
  await other.getByText('Your roles do not allow this. It needs', { exact: false }).first().waitFor()
  await other.getByRole('tab', { name: 'Access keys' }).focus() // and on by keyboard
  await other.keyboard.press('Enter')
  await other.getByText('Nobody has an access key.').waitFor()
})
