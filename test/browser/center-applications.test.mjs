// Applications in the admin center: published, changed after a look at the difference, tested, assigned, taken back.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { demo, open, reached, row, see, visit } from './center.mjs'

let system

before(async () => { system = await demo() })
after(async () => { await system?.stop() })

const app = (name) => system.json('applications', 'list').find((a) => a.name === name)
const act = async (page, name, action) => {
  await page.getByRole('button', { name: `Actions for ${name}`, exact: true }).click()
  await page.getByRole('menuitem', { name: action, exact: true }).click()
}
const tab = (page, name) => page.getByRole('tab', { name, exact: true }).click()

test('an application is published; what is wrong stands at its field', async (t) => {
  const page = await visit(t, system, { statuses: [409, 422] })
  await open(page, system, '/applications')
  await row(page, 'Notes').getByText('Published').waitFor()
  await see(page, 'applications')
  await page.getByRole('button', { name: 'Publish an application' }).click()
  await page.getByRole('textbox', { name: /^Name/ }).fill('Wiki')
  await page.getByRole('textbox', { name: /^External URL/ }).fill('http://wiki.example.com/')
  await page.getByRole('textbox', { name: /^Internal URL/ }).fill('ftp://wiki.internal/')
  await page.getByRole('button', { name: 'Publish', exact: true }).click()
  for (const field of [/^External URL/, /^Internal URL/]) {
    await page.waitForFunction((source) => [...document.querySelectorAll('input[aria-invalid=true]')].some((i) => new RegExp(source).test(i.labels[0]?.textContent)), field.source)
  }
  await see(page, 'application-wrong')
  const external = app('Notes').externalUrl
  await page.getByRole('textbox', { name: /^External URL/ }).fill(external)
  await page.getByRole('textbox', { name: /^Internal URL/ }).fill(app('Notes').internalUrl)
  await page.getByRole('button', { name: 'Publish', exact: true }).click() // the URL is another one's
  await page.getByRole('alert').or(page.locator('input[aria-invalid=true]')).first().waitFor()
  assert.equal(app('Wiki'), undefined)
  await page.getByRole('textbox', { name: /^External URL/ }).fill(external.replace('//', '//wiki-'))
  await page.getByRole('button', { name: 'How the application is spoken to' }).click()
  await page.getByRole('textbox', { name: /^Wait for an answer/ }).fill('soon')
  await page.getByRole('button', { name: 'How the application is spoken to' }).click()
  await page.getByRole('button', { name: 'Publish', exact: true }).click()
  await page.locator('input[aria-invalid=true]').waitFor() // its section opens by itself
  await page.getByRole('textbox', { name: /^Wait for an answer/ }).fill('30s')
  await page.getByRole('button', { name: 'Publish', exact: true }).click()
  await page.getByRole('heading', { level: 1, name: 'Wiki' }).waitFor()
  await reached(page)
  assert.equal(app('Wiki').backendTimeout, '30s')
  await see(page, 'application')
})

test('settings are looked at before they are saved, and go back', async (t) => {
  const page = await visit(t, system, { statuses: [412] })
  await open(page, system, `/applications/${app('Wiki').id}?tab=settings`)
  const name = page.getByRole('textbox', { name: /^Name/ })
  await name.fill('Handbook')
  await page.getByRole('button', { name: 'Review changes' }).click()
  const review = page.getByRole('dialog', { name: 'Save these changes?' })
  await review.getByRole('cell').first().waitFor()
  assert.deepEqual(await review.getByRole('row').last().getByRole('cell').allTextContents(), ['Name', 'Wiki', 'Handbook'])
  await see(page, 'application-review')
  await review.getByRole('button', { name: 'Save', exact: true }).click()
  await page.getByRole('heading', { level: 1, name: 'Handbook' }).waitFor()
  await see(page, 'application-settings')

  await name.fill('Mine') // while somebody else saves another name and another setting
  system.cli('applications', 'update', 'Handbook', '--name', 'Theirs', '--requestable')
  await page.getByRole('button', { name: 'Review changes' }).click()
  await review.getByRole('button', { name: 'Save', exact: true }).click()
  const conflict = page.getByRole('group', { name: 'Somebody else changed this meanwhile' })
  await conflict.getByRole('radio', { name: 'Now, by somebody else: Theirs' }).check()
  await see(page, 'application-conflict')
  await conflict.getByRole('button', { name: 'Save the merged version' }).click()
  await page.getByText('Theirs is saved.').first().waitFor()
  await conflict.waitFor({ state: 'detached' })
  assert.ok(app('Theirs').requestable)

  await act(page, 'Theirs', 'History')
  const history = page.getByRole('dialog')
  await history.getByText('application.update').first().waitFor()
  await history.getByRole('button', { name: 'Go back to version 1' }).click()
  await page.getByRole('heading', { level: 1, name: 'Wiki' }).waitFor()
  assert.equal(app('Wiki').requestable, false)
})

test('unsaved settings are not left without a question', async (t) => {
  const page = await visit(t, system)
  await open(page, system, `/applications/${app('Wiki').id}?tab=settings`)
  await page.getByRole('textbox', { name: /^Name/ }).fill('Half')
  const asked = []
  page.once('dialog', (d) => { asked.push(d.message()); void d.dismiss() })
  await page.getByRole('link', { name: 'Connectors', exact: true }).click()
  assert.equal(asked.length, 1)
  assert.equal(await page.getByRole('textbox', { name: /^Name/ }).inputValue(), 'Half')
  await page.getByRole('button', { name: 'Undo' }).click()
  await page.getByRole('link', { name: 'Connectors', exact: true }).click()
  await page.getByRole('heading', { level: 1, name: 'Connectors' }).waitFor()
})

test('people are assigned, and it can be told beforehand whether they get in', async (t) => {
  const page = await visit(t, system)
  const { id } = app('Wiki')
  await open(page, system, `/applications/${id}?tab=test`)
  const explain = async (name, answer) => {
    await page.getByRole('combobox', { name: 'User' }).pressSequentially(name)
    await page.getByRole('option', { name: new RegExp(`\\b${name}\\b`) }).click()
    await page.getByRole('button', { name: 'Test', exact: true }).click()
    await page.getByText(answer).waitFor()
  }
  await explain('guest', 'guest cannot open it.')
  await see(page, 'application-explain')
  await tab(page, 'People')
  await page.getByText('Nobody may use it yet.').waitFor()
  await page.getByRole('combobox', { name: 'User or group' }).pressSequentially('gue')
  await page.getByRole('option', { name: /\bguest\b/ }).click()
  await page.getByRole('button', { name: 'Add', exact: true }).click()
  await page.getByRole('button', { name: 'Take guest away' }).waitFor()
  await see(page, 'application-people')
  assert.equal(system.json('assignments', 'list').filter((a) => a.application === id).length, 1)
  await tab(page, 'Test as a user')
  await explain('guest', 'guest may open it.')
  await tab(page, 'People')
  await page.getByRole('button', { name: 'Take guest away' }).click()
  await page.getByText('Nobody may use it yet.').waitFor()
})

test('duplicated, switched off, exported, deleted', async (t) => {
  const page = await visit(t, system, { statuses: [404] })
  await open(page, system, `/applications/${app('Wiki').id}`)
  const [file] = await Promise.all([page.waitForEvent('download'), act(page, 'Wiki', 'Export as YAML')])
  const path = await file.path()
  assert.match(readFileSync(path, 'utf8'), /^applications:\n  - .*\n/)
  assert.doesNotThrow(() => system.cli('diff', '-f', path)) // exit code 0: it is what there is

  await act(page, 'Wiki', 'Switch off')
  await page.getByText('Switched off', { exact: true }).waitFor()
  assert.equal(app('Wiki').disabled, true)
  await act(page, 'Wiki', 'Duplicate')
  await page.getByRole('heading', { level: 1, name: 'Publish an application' }).waitFor()
  assert.equal(await page.getByRole('textbox', { name: /^Name/ }).inputValue(), 'Wiki (copy)')
  await page.getByRole('textbox', { name: /^External URL/ }).fill(app('Wiki').externalUrl.replace('//', '//copy-'))
  await page.getByRole('button', { name: 'Publish', exact: true }).click()
  await page.getByRole('heading', { level: 1, name: 'Wiki (copy)' }).waitFor()
  assert.equal(app('Wiki (copy)').backendTimeout, app('Wiki').backendTimeout)
  await act(page, 'Wiki (copy)', 'Delete')
  await page.getByRole('alertdialog').getByRole('button', { name: 'Delete' }).click()
  await page.getByRole('heading', { level: 1, name: 'Applications' }).waitFor()
  await row(page, 'Wiki (copy)').waitFor({ state: 'detached' })
  assert.equal(app('Wiki (copy)'), undefined)
})
