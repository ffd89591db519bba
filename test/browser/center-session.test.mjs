// What must not lose anybody's work: a session that ends, a service that goes away, somebody else who was faster. And what must
// not work: pages of other sites, frames, scripts in names.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { choose, demo, open, row, see, signIn, visit } from './center.mjs'

let system

before(async () => { system = await demo() })
after(async () => { await system?.stop() })

const revoke = (name) => system.cli('users', 'revoke-sessions', name, '--yes')

test('a session that ends in the middle of a form: signing in again goes on where one was', async (t) => {
  const page = await visit(t, system)
  await open(page, system, '/connectors?view=groups')
  await page.getByRole('button', { name: 'New connector group' }).click()
  await page.getByRole('textbox', { name: 'Name' }).fill('Half typed')
  revoke('admin')
  await page.getByRole('button', { name: 'Create' }).click()
  const over = page.getByRole('alertdialog', { name: 'Your session has ended' })
  await over.waitFor()
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
  await page.getByRole('button', { name: 'Save' }).click()
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
  await page.getByRole('button', { name: 'Save' }).click()
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

test('names that look like script are names', async (t) => {
  const page = await visit(t, system)
  const name = '<img src=x onerror="window.hit=1"><script>window.hit=1</script>'
  system.cli('connectors', 'update', 'demo', '--name', name)
  t.after(() => system.cli('connectors', 'update', system.json('connectors', 'list')[0].id, '--name', 'demo'))
  await open(page, system, '/connectors')
  await page.getByText(name, { exact: true }).first().waitFor()
  await page.getByRole('button', { name: `Details of ${name}` }).click()
  await choose(page, name, 'History')
  await page.getByRole('dialog').getByText(name).first().waitFor()
  assert.equal(await page.evaluate(() => window.hit), undefined)
})

test('other sites can neither frame the page nor act with its session', async (t) => {
  const context = await system.browser.newContext({ bypassCSP: true }) // of the attacker's page
  t.after(() => context.close())
  const page = await context.newPage()
  await open(page, system, '/connectors')
  const { id, version } = system.json('connectors', 'list')[0]
  // The demo's application is another host of the same site: cookies alone would let it through.
  await page.goto(system.notes)
  await page.getByRole('heading', { level: 1, name: 'Notes' }).waitFor()
  const answers = []
  page.on('response', (r) => { if (r.url().includes('/api/v1/')) answers.push([r.request().method(), r.status()]) })
  const outcome = await page.evaluate(async ({ address, version }) => {
    const tried = []
    for (const init of [{ mode: 'no-cors' }, { method: 'POST', mode: 'no-cors', headers: { 'Content-Type': 'text/plain' }, body: '{}' }, {}, { method: 'DELETE' },
      { method: 'PATCH', headers: { 'Content-Type': 'application/merge-patch+json', 'If-Match': `"${version}"` }, body: '{"disabled":true}' }]) {
      tried.push(await fetch(address, { credentials: 'include', ...init }).then((r) => `${r.type} ${r.status}`, () => 'refused'))
    }
    return tried
  }, { address: `${system.admin}/api/v1/connectors/${id}/approve`, version })
  assert.deepEqual(outcome.slice(2), ['refused', 'refused', 'refused'])
  assert.ok(!answers.some(([, status]) => status < 400), JSON.stringify(answers))
  assert.equal(system.json('connectors', 'list')[0].version, version)

  const other = await system.browser.newContext()
  t.after(() => other.close())
  const attacker = await other.newPage()
  await attacker.goto(`data:text/html,<iframe src="${system.admin}/connectors"></iframe>`)
  await attacker.locator('iframe').waitFor()
  assert.match(attacker.frames()[1].url(), /^chrome-error:|^$/)
})
