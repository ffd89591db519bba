// Private applications in the admin center: segments, what is wrong with them at their line, and whose access a change takes.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { demo, open, row, see, signIn, visit } from './center.mjs'

let system

before(async () => { system = await demo() })
after(async () => { await system?.stop() })

const segments = (page) => page.getByRole('textbox', { name: /^Segments/ })
const publish = (page) => page.getByRole('button', { name: 'Publish', exact: true }).click()

test('a private application is made, and a change tells first who loses access', async (t) => {
  const page = await visit(t, system, { statuses: [422] })
  await open(page, system, '/applications/new')
  await page.getByRole('radio', { name: /^Quick Access/ }).check()
  await page.getByRole('textbox', { name: /^Name/ }).fill('Quick Access')
  await segments(page).fill('10.0.0.0/8:1-65535/both')
  await publish(page)
  await page.getByRole('tab', { name: 'People', exact: true }).waitFor()
  system.cli('assignments', 'create', '--application', 'Quick Access', '--user', 'guest')

  await page.goto(`${system.admin}/applications/new`)
  await page.getByRole('radio', { name: /^Private application/ }).check()
  assert.equal(await page.getByRole('textbox', { name: 'Internal URL' }).count(), 0)
  await page.getByRole('textbox', { name: /^Name/ }).fill('Databases')
  await segments(page).fill('db.corp.example:5432\n\n10.1.0.0/33:22')
  await publish(page)
  await page.getByText('Line 2: destination is "10.1.0.0/33", which is not a CIDR prefix.').first().waitFor()
  assert.equal(await segments(page).inputValue(), 'db.corp.example:5432\n\n10.1.0.0/33:22')
  await segments(page).fill('db.corp.example:5432\n[fd00::/64]:443/udp\n10.1.0.0/16:22,80-90/both')
  await page.getByRole('button', { name: 'Look for conflicts' }).click()
  const taken = page.getByRole('row', { name: /10\.1\.0\.0:22\/tcp/ })
  await taken.waitFor()
  assert.match(await taken.innerText(), /Quick Access by 10\.0\.0\.0\/8:1-65535\/both[\s\S]*Databases by 10\.1\.0\.0\/16:22,80-90\/both[\s\S]*guest[\s\S]*0/)
  await see(page, 'private-new')
  await publish(page)
  await page.getByRole('tab', { name: 'Settings' }).waitFor()
  for (const text of ['db.corp.example:5432/tcp', '[fd00::/64]:443/udp', '10.1.0.0/16:22,80-90/both']) await page.getByText(text, { exact: true }).waitFor()
  assert.equal(await page.getByRole('link', { name: 'Open' }).count(), 0)

  await page.getByRole('tab', { name: 'Settings' }).click()
  await segments(page).fill('10.0.0.0/9:22')
  await page.getByRole('button', { name: 'Traffic' }).click()
  await page.getByRole('combobox', { name: 'What servers are told of the device' }).selectOption('v2')
  await page.getByRole('button', { name: 'Review changes' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByRole('row', { name: /db\.corp\.example:5432\/tcp/ }).last().waitFor()
  await see(page, 'private-review')
  await dialog.getByRole('button', { name: 'Save', exact: true }).click()
  await page.getByText('Databases is saved.').first().waitFor()
  assert.match(system.cli('applications', 'show', 'Databases', '-o', 'json'), /"proxyProtocol": "v2"/)

  await page.goto(`${system.admin}/applications?kind=private`)
  await row(page, 'Databases').getByText('10.0.0.0/9:22/tcp').waitFor()
  assert.equal(await page.getByText('Notes').count(), 0)
})

test('its user sees that it is for the client', async (t) => {
  const page = await visit(t, system)
  await page.goto(`${system.portal}/sign-in`)
  await signIn(page, 'guest', system.guestPassword)
  await page.getByText('With the Postern client on your device').waitFor()
  assert.equal(await page.getByRole('link', { name: /Quick Access/ }).count(), 0)
})
