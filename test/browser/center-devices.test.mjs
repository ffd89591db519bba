// Devices in the admin center, on the page of their user, and at the user's own account.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { choose, demo, open, row, see, signIn, until, visit } from './center.mjs'

let system

before(async () => { system = await demo() })
after(async () => { await system?.stop() })

// post is what a program sends to the portal.
const post = (path, body, headers) => new Promise((resolve, reject) => {
  const { hostname, port, host } = new URL(system.portal)
  const sent = request({ host: '127.0.0.1', port, servername: hostname, path, method: 'POST', ca: readFileSync(join(system.dir, 'ca.pem')), agent: false, headers: { Host: host, ...headers } }, (answer) => {
    let text = ''
    answer.on('data', (part) => { text += part })
    answer.on('end', () => resolve({ status: answer.statusCode, body: JSON.parse(text) }))
  })
  sent.on('error', reject)
  sent.end(body)
})
const form = (path, fields) => post(path, new URLSearchParams(fields).toString(), { 'Content-Type': 'application/x-www-form-urlencoded' })

// enrol signs the user of a page in with postern-client, by a code, and enrols their machine; it gives the device's id.
async function enrol(page, machine, os) {
  const asked = (await form('/oauth/device', { client_id: 'postern-client', device_name: machine })).body
  await page.goto(asked.verification_uri_complete)
  await page.getByRole('button', { name: 'Go on' }).click()
  await page.getByRole('button', { name: 'Sign it in' }).click()
  await page.getByRole('status').waitFor()
  const { body: tokens } = await form('/oauth/token', { grant_type: 'urn:ietf:params:oauth:grant-type:device_code', client_id: 'postern-client', device_code: asked.device_code })
  const dir = mkdtempSync(join(tmpdir(), 'postern-device-'))
  execFileSync('openssl', ['req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/', '-outform', 'DER', '-keyout', join(dir, 'key.pem'), '-out', join(dir, 'csr.der')], { stdio: 'ignore' })
  const csr = readFileSync(join(dir, 'csr.der')).toString('base64')
  rmSync(dir, { recursive: true })
  const got = await post('/device-certificate', JSON.stringify({ version: 1, csr, osVersion: '12', host: { machineName: machine, os, arch: 'amd64', program: '1.4.0' } }),
    { 'Content-Type': 'application/json', Authorization: `Bearer ${tokens.access_token}` })
  assert.equal(got.status, 200, JSON.stringify(got.body))
  return got.body.connector
}

test('devices are seen, renamed, revoked and deleted', async (t) => {
  const theirs = await visit(t, system)
  await theirs.goto(`${system.portal}/sign-in`)
  await signIn(theirs, 'guest', system.guestPassword)
  await theirs.getByRole('heading', { level: 1, name: 'Your applications' }).waitFor()
  const [laptop, desk] = [await enrol(theirs, 'laptop <b>1</b>', 'linux'), await enrol(theirs, 'desk', 'windows')]

  const page = await visit(t, system, { statuses: [422] })
  await open(page, system, '/people')
  await page.getByRole('tab', { name: 'Devices', exact: true }).click()
  await row(page, 'desk').getByText('Windows 12').waitFor()
  await see(page, 'devices')
  await page.getByRole('button', { name: 'Add a device' }).click()
  const adding = page.getByRole('dialog')
  await adding.getByText(`./postern-client login ${system.portal}`).waitFor()
  await adding.getByRole('tab', { name: 'Windows' }).click()
  await adding.getByText(`.\\postern-client.exe login ${system.portal}`).waitFor()
  await adding.getByRole('status').getByText(/connected/).waitFor()
  await see(page, 'device-add')
  await page.keyboard.press('Escape')
  await adding.waitFor({ state: 'detached' })
  await page.getByRole('combobox', { name: 'System' }).selectOption('linux')
  await row(page, 'desk').waitFor({ state: 'detached' })
  await choose(page, 'laptop <b>1</b>', 'Rename')
  const dialog = page.getByRole('alertdialog')
  await dialog.getByRole('textbox', { name: 'Name' }).fill(' ')
  await dialog.getByRole('button', { name: 'Rename', exact: true }).click()
  await dialog.getByText(/must not/).waitFor() // the API's words
  await dialog.getByRole('textbox', { name: 'Name' }).fill('The laptop')
  await see(page, 'device-rename')
  await dialog.getByRole('button', { name: 'Rename', exact: true }).click()
  await row(page, 'The laptop').waitFor()
  await page.getByRole('button', { name: 'Details of The laptop' }).click()
  await page.getByText(laptop).waitFor()
  await see(page, 'device')

  await row(page, 'The laptop').getByRole('link').click()
  const region = page.getByRole('region', { name: 'Devices' })
  await region.getByText('desk', { exact: true }).waitFor()
  await see(page, 'user-devices')
  await choose(page, 'The laptop', 'Revoke')
  await page.getByRole('alertdialog').getByRole('button', { name: 'Revoke', exact: true }).click()
  await region.getByText('Revoked', { exact: true }).waitFor()
  assert.ok(system.json('devices', 'show', laptop).revoked)
  await choose(page, 'The laptop', 'Delete')
  await page.getByRole('alertdialog').getByRole('button', { name: 'Delete', exact: true }).click()
  await region.getByText('The laptop', { exact: true }).waitFor({ state: 'detached' })

  // The user sees the one that is left, and revokes it.
  await theirs.goto(`${system.portal}/account`)
  await theirs.getByRole('heading', { level: 2, name: 'Your devices' }).waitFor()
  await theirs.getByText('Windows 12').waitFor()
  await theirs.getByRole('button', { name: /^Revoke desk/ }).click()
  await theirs.getByRole('heading', { level: 2, name: 'Your devices' }).waitFor({ state: 'detached' })
  await until('the device to be revoked', () => Boolean(system.json('devices', 'show', desk).revoked))
  await region.getByText('Revoked', { exact: true }).waitFor()
})

test('all clients are turned off with a reason, and on; what users may not do is locked; somebody else was faster; history', async (t) => {
  const page = await visit(t, system, { statuses: [412] })
  await open(page, system, '/people/devices')
  const panel = page.getByRole('region', { name: 'All clients' })
  await panel.getByText(/^Clients are on\. \d+ devices? (is|are) connected/).waitFor()
  await panel.getByRole('button', { name: 'Turn all clients off' }).click()
  const dialog = page.getByRole('alertdialog')
  await dialog.getByText(/devices? (is|are) connected\. What is open/).waitFor()
  await dialog.getByRole('textbox', { name: 'Why' }).fill('a <i>drill</i>')
  await see(page, 'clients-off')
  system.json('clients', 'update', '--locked', 'down') // somebody else
  await dialog.getByRole('button', { name: 'Turn all clients off' }).click()
  await dialog.getByText(/changed/).waitFor()
  await dialog.getByRole('button', { name: 'Cancel' }).click()
  await panel.getByText('Users may not: end the client.').waitFor()
  await panel.getByRole('button', { name: 'Turn all clients off' }).click()
  await dialog.getByRole('textbox', { name: 'Why' }).fill('a <i>drill</i>')
  await dialog.getByRole('button', { name: 'Turn all clients off' }).click()
  await panel.getByText('Users are told: a <i>drill</i>', { exact: false }).waitFor()
  assert.equal(system.json('clients', 'show').off, true)
  await see(page, 'clients')

  await panel.getByRole('button', { name: 'What users may not do' }).click()
  await dialog.getByRole('checkbox', { name: 'pause the client' }).check()
  await see(page, 'clients-locked')
  await dialog.getByRole('button', { name: 'Save', exact: true }).click()
  await panel.getByText('Users may not: end the client, pause the client.').waitFor()
  await panel.getByRole('button', { name: 'Turn all clients on' }).click()
  await dialog.getByRole('button', { name: 'Turn all clients on' }).click()
  await panel.getByText(/^Clients are on/).waitFor()
  await panel.getByRole('button', { name: 'History', exact: true }).click()
  await page.getByRole('dialog').getByText('From the beginning').waitFor()
  await see(page, 'clients-history')
})
