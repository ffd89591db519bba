// What must hold of the admin center as a whole: its numbers are those of the API and of whoever counted on his own; what
// strangers and administrators call things is shown and never run; other sites can do nothing.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { connect } from 'node:tls'
import { demo, everywhere, open, settled, signIn, until, visit } from './center.mjs'
import { cut, patience } from './postern.mjs'

let system

before(async () => { system = await demo() })
after(async () => { await system?.stop() })

const api = (page, path) => page.evaluate(async (path) => (await fetch(`/api/v1${path}`)).json(), path)

// counter is an application in the private network that counts for itself.
async function counter(t) {
  const counts = { all: 0, 200: 0, 404: 0, 500: 0 }
  const server = createServer((request, response) => {
    const status = Number(/^\/counted\/(\d+)/.exec(request.url)?.[1])
    if (!status) return response.writeHead(204).end() // what browsers ask of their own accord
    counts.all++
    counts[status]++
    response.writeHead(status, { 'Content-Type': 'text/html' }).end(`<!doctype html><title>Counted</title><h1>Counted ${status}</h1>`)
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => { server.close(); server.closeAllConnections() })
  return { counts, port: server.address().port }
}

test('numbers: the page, the API and the application count the same, also of errors and denials', async (t) => {
  const { counts, port } = await counter(t)
  const external = system.notes.replace(/\/\/[^.]+\./, '//counted.')
  system.cli('applications', 'create', 'Counted', '--external-url', external, '--internal-url', `http://127.0.0.1:${port}/`)
  system.cli('assignments', 'create', '--application', 'Counted', '--user', 'admin')
  const { id } = system.json('applications', 'show', 'Counted')
  const page = await visit(t, system)
  await open(page, system, '/overview')
  const requests = async (of) => (await api(page, `/${of}series?step=1m`)).points.reduce((sum, p) => ({ count: sum.count + (p.requests?.count ?? 0), errors: sum.errors + (p.requests?.errors ?? 0) }), { count: 0, errors: 0 })

  const person = await visit(t, system, { statuses: [403, 404, 500, 502], lost: true })
  const ask = (who, status) => who.evaluate(async (path) => (await fetch(path)).status, `/counted/${status}`)
  const at = (path) => external.replace(/\/$/, '') + path
  await until('the host of the application', () => person.goto(at('/counted/200')).then(() => true, () => false))
  await signIn(person, 'admin', system.adminPassword)
  await person.getByRole('heading', { name: 'Counted 200' }).waitFor()
  const wanted = { 200: 12, 404: 4, 500: 3 }
  for (const [status, n] of Object.entries(wanted)) {
    while (counts[status] < n) assert.equal(await ask(person, status), Number(status))
  }
  system.cli('assignments', 'create', '--application', 'Counted', '--user', 'guest')
  const guest = await visit(t, system, { statuses: [403, cut] })
  await guest.goto(at('/counted/200'))
  await signIn(guest, 'guest', system.guestPassword)
  const answer = guest.getByRole('heading', { level: 1, name: /^(Counted 200|You may not use this application)$/ })
  await until('guest is let in', async () => { // the gateway may not know of the assignment yet
    await answer.waitFor()
    return await answer.textContent() === 'Counted 200' || (await guest.goto(at('/counted/200')), false)
  })
  system.cli('assignments', 'delete', system.json('assignments', 'list').find((a) => a.application === id && a.userName === 'guest').id, '--yes')
  // What is under way when a right ends is cut, and may have been counted or not: what is asked for meanwhile is not.
  await until('the assignment is gone', () => guest.evaluate(async () => (await fetch('/')).status === 403).catch(() => false))
  const before = counts.all
  const denied = 3
  for (let n = 0; n < denied; n++) assert.equal(await ask(guest, 200), 403)
  assert.equal(counts.all, before, 'what is denied does not reach the application')

  assert.deepEqual([counts[404], counts[500]], [wanted[404], wanted[500]])
  assert.equal(counts.all, counts[200] + counts[404] + counts[500])
  const log = (...filter) => system.json('traffic', 'list', '--application', 'Counted', '--path', '/counted/', ...filter)
  await until('the log has all of them', () => log('--outcome', 'forwarded').length === counts.all)
  for (const status of ['200', '404', '500']) assert.equal(log('--status', status, '--outcome', 'forwarded').length, counts[status], `status ${status} in the log`)
  assert.equal(log('--outcome', 'forwarded').filter((e) => e.connectorName === 'demo').length, counts.all, 'by the connector that carried them')

  // The page of the log: as many entries as the application counted, and, with the denials, as the API has.
  await page.goto(`${system.admin}/logs/traffic?application=${id}&path=%2Fcounted%2F&outcome=forwarded&live=off`)
  await page.getByText(new RegExp(`^${counts.all} `)).first().waitFor()
  let refused
  await until('the page shows the denials that the log has', async () => { // which come late, and the page asks once
    refused = log('--outcome', 'refused').length
    if (refused < denied) return false
    await page.goto(`${system.admin}/logs/traffic?application=${id}&path=%2Fcounted%2F&outcome=refused&live=off`)
    return page.getByText(new RegExp(`^${refused} `)).first().waitFor({ timeout: patience / 4 }).then(() => true, () => false)
  })

  // What was counted each minute: of the application on its page, of everything on the overview.
  await until('the minute is over and counted', async () => (await requests(`applications/${id}/`)).count >= counts.all + refused)
  const shown = async () => {
    const text = await page.getByRole('region', { name: 'Traffic' }).innerText()
    const found = /([\d,]+) requests ended in this time, ([\d,]+) of them failed/.exec(text)
    return found && { count: Number(found[1].replaceAll(',', '')), errors: Number(found[2].replaceAll(',', '')) }
  }
  for (const [path, of] of [[`/applications/${id}`, `applications/${id}/`], ['/overview', '']]) {
    await page.goto(system.admin + path)
    await until(`${path} shows what the API counts`, async () => {
      const want = await requests(of)
      const [a, b] = [await shown(), await requests(of)]
      if (a && JSON.stringify(want) === JSON.stringify(b) && JSON.stringify(a) === JSON.stringify(b)) return true
      await page.getByRole('combobox', { name: 'Period' }).selectOption('24h')
      await page.getByRole('combobox', { name: 'Period' }).selectOption('1h') // it is asked anew, and not in half a minute
      return false
    })
  }
  const all = log()
  const counted = await requests(`applications/${id}/`)
  assert.equal(counted.errors >= wanted[500], true, `${counted.errors} errors are counted, ${wanted[500]} happened at least`)
  assert.ok(counted.count >= all.filter((e) => ['forwarded', 'refused'].includes(e.outcome)).length)

  // The connector: its page says what the API says of it, which is what there is.
  await page.goto(`${system.admin}/connectors`)
  await page.getByRole('button', { name: 'Details of demo' }).click()
  const fact = (name) => page.locator('dt', { hasText: new RegExp(`^${name}$`) }).locator('xpath=following-sibling::dd')
  await until('the page shows the tunnels that the API has', async () => Number(await fact('Tunnels').innerText()) === system.json('connectors', 'show', 'demo').status.tunnels)
  await page.getByText('2 applications', { exact: true }).waitFor() // Notes and this one
  const summary = await api(page, '/summary')
  assert.deepEqual([summary.applications.all, summary.connectors.all, summary.connectors.active, summary.gateways.all], [system.json('applications', 'list').length, 1, 1, 1])
  system.cli('applications', 'delete', 'Counted', '--yes')
})

// hostile is what must never be more than text.
const hostile = (n) => `<img src=x onerror="window.hit=${n}"><script>window.hit=${n}</script>"'\${7*7}{{7*7}}javascript:window.hit=${n}`

// enrol enrols a connector by hand that lies about its machine, over TLS with the face for agents as our own do it.
async function enrol(text, name, host) {
  const token = JSON.parse(Buffer.from(text.split('.')[1], 'base64url').toString())
  const key = join(system.dir, 'liar.key')
  execFileSync('openssl', ['ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', key])
  const csr = execFileSync('openssl', ['req', '-new', '-key', key, '-subj', '/CN=x', '-outform', 'DER'])
  rmSync(key)
  const { hostname, port } = new URL(system.portal)
  const body = JSON.stringify({ version: 1, tokenId: token.t, secret: token.s, csr: csr.toString('base64'), name, host })
  const socket = connect({ host: '127.0.0.1', port: Number(port), servername: hostname, ALPNProtocols: ['postern-agent/1'], rejectUnauthorized: false })
  await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject))
  socket.write(`POST /enrol HTTP/1.1\r\nHost: ${hostname}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`)
  let answer = ''
  for await (const chunk of socket) answer += chunk
  assert.match(answer, /^HTTP\/1\.1 200 /)
}

test('what somebody or something is called is shown, and never run', async (t) => {
  const mark = hostile(1)
  const short = '<script>window.hit=1</script>' // where names are bounded
  const create = (noun, name, ...flags) => system.cli(noun, 'create', name, ...flags)
  create('connector-groups', mark, '--region', 'eu-west')
  create('groups', mark, '--description', mark)
  create('users', 'mallory', '--no-password', '--display-name', mark)
  create('applications', mark, '--external-url', system.notes.replace(/\/\/[^.]+\./, '//hostile.'), '--internal-url', system.json('applications', 'list')[0].internalUrl)
  system.cli('assignments', 'create', '--application', mark, '--user', 'admin')
  create('policies', mark, '--everyone', '--all-applications', '--mode', 'off', '--description', mark)
  create('exports', mark, '--kind', 'syslog', '--url', 'tls://127.0.0.1:1', '--stream', 'audit')
  create('upstreams', mark, '--kind', 'oidc', '--issuer', 'https://idp.invalid', '--client-id', mark)
  create('keys', mark, '--role', 'reader')
  const token = JSON.parse(system.cli('tokens', 'create', mark, '-o', 'json'))
  await enrol(token.text ?? token.token, mark, { machineName: mark, os: short, arch: short, program: short })

  // Strangers write into the logs: paths, hosts, user agents, names of users that there are not.
  const stranger = await visit(t, system, { statuses: [401, 403, 404], userAgent: `Mozilla/5.0 ${short}` })
  await stranger.goto(`${system.notes}${encodeURI('<img src=x onerror=window.hit=1>')}?${mark}`)
  await signIn(stranger, short, short)
  await stranger.getByRole('alert').or(stranger.locator('.error, [class*=error]')).first().waitFor()
  await signIn(stranger, 'admin', system.adminPassword)
  await stranger.waitForURL((url) => url.href.startsWith(system.notes) && !url.pathname.startsWith('/.postern'))
  await until('its record', () => system.json('traffic', 'list', '--path', '/<img').length + system.json('traffic', 'list', '--path', '/%3Cimg').length > 0)
  await stranger.goto(system.portal) // the list of applications has the hostile one
  await stranger.getByText(mark, { exact: false }).first().waitFor()
  assert.equal(await stranger.evaluate(() => window.hit), undefined)

  const page = await visit(t, system, { statuses: [403, 404, 409, 422] })
  const dialogs = []
  page.on('dialog', (d) => { if (d.type() !== 'beforeunload') dialogs.push(d.message()); void d.accept() })
  await open(page, system, '/overview')
  const pages = await everywhere(page, system)
  const seen = new Set()
  for (const path of pages) {
    await page.goto(system.admin + path)
    await settled(page)
    for (const button of (await page.locator('#content button[aria-expanded=false]:not([aria-haspopup])').all()).slice(0, 4)) await button.click({ timeout: 5000 }).catch(() => undefined) // it may have moved
    if ((await page.locator('#content').innerText()).includes('onerror')) seen.add(path.split('?')[0])
    assert.equal(await page.evaluate(() => window.hit), undefined, path)
    assert.equal(await page.locator('#content img, #content script, #content iframe').count(), 0, path)
  }
  for (const path of ['/applications', '/connectors', '/logs/audit', '/logs/traffic', '/settings/exports']) assert.ok(seen.has(path), `${path} shows what things are called: ${[...seen]}`)

  // What the API says of wrong input, with the input in it.
  await page.goto(`${system.admin}/applications/new`)
  await page.getByRole('textbox', { name: /^Name/ }).fill(mark)
  await page.getByRole('textbox', { name: /^External URL/ }).fill(`https://${mark}/`)
  await page.getByRole('button', { name: 'Publish', exact: true }).click()
  await page.locator('input[aria-invalid=true]').first().waitFor()
  assert.equal(await page.evaluate(() => window.hit), undefined)
  assert.deepEqual(dialogs, [])
})

test('other sites can do nothing with the session of an administrator: neither by any operation, nor in a frame', async (t) => {
  const context = await system.browser.newContext({ bypassCSP: true }) // of the attacker's page
  t.after(() => context.close())
  context.setDefaultTimeout(patience)
  const page = await context.newPage()
  await open(page, system, '/connectors')
  const { paths } = await page.evaluate(async () => ({ paths: await (await fetch('/openapi.yaml')).text() }))
  const operations = []
  let at = ''
  for (const line of paths.split('\n')) { // the description is ours, and written alike from end to end
    const path = /^ {2}(\/\S+):$/.exec(line)
    const method = /^ {4}(post|put|patch|delete):$/.exec(line)
    if (path) at = path[1]
    else if (method) operations.push([method[1].toUpperCase(), at])
  }
  assert.ok(operations.length > 60, `${operations.length} operations that change something`)
  const before = system.json('connectors', 'list').map((k) => [k.id, k.version])

  // The demo's application is another host of the same site: cookies alone would let it through.
  await page.goto(system.notes)
  await page.getByRole('heading', { level: 1, name: 'Notes' }).waitFor()
  const answers = new Map()
  page.on('response', (r) => { if (r.url().includes('/api/v1/') || r.url().endsWith('/sign-out')) answers.set(`${r.request().method()} ${new URL(r.url()).pathname}`, r.status()) })
  const ids = { '{id}': before[0][0], '{domain}': 'x.example.com' }
  const tried = await page.evaluate(async ({ admin, operations, ids }) => {
    const outcome = []
    for (const [method, pattern] of [...operations, ['POST', '/sign-out']]) {
      const address = admin + pattern.replace(/\{\w+\}/, (name) => ids[name] ?? ids['{id}'])
      const simple = method === 'POST' ? await fetch(address, { method, mode: 'no-cors', credentials: 'include', headers: { 'Content-Type': 'text/plain' }, body: '{}' }).then((r) => r.type, () => 'refused') : ''
      const whole = await fetch(address, { method, credentials: 'include', headers: { 'Content-Type': 'application/json', 'If-Match': '*' }, body: method === 'DELETE' ? undefined : '{}' }).then((r) => r.status, () => 'refused')
      outcome.push([method, pattern, simple, whole])
    }
    return outcome
  }, { admin: system.admin, operations, ids })
  assert.deepEqual(tried.filter(([, , , whole]) => whole !== 'refused'), [], 'answers that another host could read')
  const good = [...answers].filter(([, status]) => status < 400)
  assert.deepEqual(good.filter(([what]) => !what.startsWith('OPTIONS')), [], 'operations that were done')
  for (const [method, pattern] of tried) {
    const path = pattern.replace(/\{\w+\}/, (name) => ids[name] ?? ids['{id}'])
    if (method === 'POST') assert.equal(answers.get(`POST ${path}`), 403, `${path} is reached, and refused`)
  }

  // A form that is posted away is a navigation, which no cross-origin rule of fetch stops.
  await page.evaluate((action) => {
    const form = Object.assign(document.createElement('form'), { method: 'POST', action, enctype: 'text/plain' })
    document.body.append(form)
    form.submit()
  }, `${system.admin}/api/v1/connectors/${before[0][0]}/approve`)
  await page.waitForURL(/\/approve$/)
  assert.match(await page.evaluate(() => document.body.innerText), /another site/)
  assert.deepEqual(system.json('connectors', 'list').map((k) => [k.id, k.version]), before)

  await page.goto(`${system.admin}/connectors`) // the session is still there: nobody was signed out
  await page.getByRole('heading', { level: 1, name: 'Connectors' }).waitFor()

  await page.goto(system.notes) // of the same site, and of no site at all
  for (const path of ['/connectors', '/settings/authority', '/setup', '/sign-in?return=/', '/api/v1/me']) {
    await page.evaluate((src) => { document.body.append(Object.assign(document.createElement('iframe'), { src })) }, system.admin + path)
    await until(`the frame of ${path} is refused`, () => /^chrome-error:/.test(page.frames().at(-1).url()))
    await page.evaluate(() => document.querySelector('iframe').remove())
  }
  const other = await system.browser.newContext()
  t.after(() => other.close())
  other.setDefaultTimeout(patience)
  const attacker = await other.newPage()
  await attacker.goto(`data:text/html,<iframe src="${system.admin}/connectors"></iframe>`)
  await attacker.locator('iframe').waitFor()
  await until('the frame is refused', () => /^chrome-error:/.test(attacker.frames()[1]?.url() ?? ''))
})
