// What must not lose anybody's work: a session that ends, a service that goes away, somebody else who was faster.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { choose, demo, open, row, see, signIn, until, visit } from './center.mjs'

let system

before(async () => { system = await demo() })
after(async () => { await system?.stop() })

const revoke = (name) => system.cli('users', 'revoke-sessions', name, '--yes')

// held keeps back what the page reads from now on, but nothing that it writes, until it is let go.
async function held(page) {
  let waiting = []
  await page.route('**/api/**', (route) => waiting && route.request().method() === 'GET' ? void waiting.push(route) : route.continue())
  return { go: async () => {
    const all = waiting
    waiting = null
    await Promise.all(all.map((route) => route.continue()))
  } }
}

test('a session that ends in the middle of a form: signing in again goes on where one was', async (t) => {
  const page = await visit(t, system)
  await open(page, system, '/connectors?view=groups')
  await page.getByRole('button', { name: 'New connector group' }).click()
  await page.getByRole('textbox', { name: 'Name' }).fill('Half typed')
  const reads = await held(page) // or one of them may tell of the end before Create does
  revoke('admin')
  await until('the session is over', () => page.evaluate(async () => (await fetch('/api/v1/me', { method: 'HEAD' })).status === 401)) // what is held is GET
  await page.getByRole('button', { name: 'Create' }).click()
  const over = page.getByRole('alertdialog', { name: 'Your session has ended' })
  await over.waitFor()
  await reads.go()
  await see(page, 'session-ended')
  const [again] = await Promise.all([page.context().waitForEvent('page'), over.getByRole('link', { name: /^Sign in again/ }).or(over.getByRole('button', { name: /^Sign in again/ })).click()])
  await signIn(again, 'admin', system.adminPassword)
  await over.waitFor({ state: 'detached' })
  assert.equal(await page.getByRole('textbox', { name: 'Name' }).inputValue(), 'Half typed')
  await page.getByRole('button', { name: 'Create' }).click()
  await row(page, 'Half typed').waitFor()
})

test('two administrators change the same connector: both versions are shown, nothing is lost', async (t) => {
  const page = await visit(t, system, { statuses: [412] })
  await open(page, system, '/connectors')
  await row(page, 'demo').waitFor()
  await choose(page, 'demo', 'Rename')
  const name = page.getByRole('textbox', { name: 'Name' })
  await name.fill('mine')
  system.cli('connectors', 'update', 'demo', '--name', 'theirs', '--priority', '7')
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  const conflict = page.getByRole('group', { name: 'Somebody else changed this meanwhile' })
  await conflict.getByText('Now, by somebody else: theirs').waitFor()
  await conflict.getByText('Yours: mine').waitFor()
  await see(page, 'conflict')
  assert.equal(system.json('connectors', 'list')[0].name, 'theirs') // nothing was overwritten
  await conflict.getByRole('radio', { name: 'Yours: mine' }).check()
  await conflict.getByRole('button', { name: 'Save the merged version' }).click()
  await row(page, 'mine').waitFor()
  assert.equal(system.json('connectors', 'list')[0].priority, 7, 'what only the other one changed')

  await choose(page, 'mine', 'Rename') // what does not touch is put together without a question
  await name.fill('demo')
  system.cli('connectors', 'update', 'mine', '--priority', '9')
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  await row(page, 'demo').waitFor()
  assert.deepEqual(system.json('connectors', 'list').map((k) => [k.name, k.priority]), [['demo', 9]])
})

test('a service that is away is told of, and what was typed is still there when it is back', async (t) => {
  const page = await visit(t, system, { lost: true })
  await open(page, system, '/connectors?view=groups')
  await row(page, 'Default').waitFor()
  await page.getByRole('button', { name: 'New connector group' }).click()
  await page.getByRole('textbox', { name: 'Name' }).fill('Kept')
  await page.context().setOffline(true)
  await page.getByRole('button', { name: 'Create' }).click()
  await page.getByRole('dialog').getByText('The service cannot be reached.').waitFor()
  await page.getByText('The service does not answer.').first().waitFor({ state: 'attached' })
  await see(page, 'service-away')
  await page.context().setOffline(false)
  await page.getByRole('dialog').getByRole('button', { name: 'Try again' }).click()
  await row(page, 'Kept').waitFor()
  await page.getByText('The service does not answer.').waitFor({ state: 'detached' })
})
