// The harness itself: what it shows is worth something only if it checks certificates.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { launch } from './browser.mjs'

let dir, server, url, ca

before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'browser-test-'))
  const openssl = (...args) => execFileSync('openssl', args, { cwd: dir, stdio: 'pipe' })
  const key = (name) => ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', `${name}.key`]
  openssl('req', '-x509', ...key('ca'), '-out', 'ca.crt', '-subj', '/CN=test', '-days', '2')
  openssl('req', '-x509', ...key('server'), '-out', 'server.crt', '-subj', '/CN=app', '-days', '2', '-CA', 'ca.crt', '-CAkey', 'ca.key',
    '-addext', 'subjectAltName=DNS:app.test.localhost,DNS:app.lab.test', '-addext', 'basicConstraints=critical,CA:false')
  ca = readFileSync(join(dir, 'ca.crt'), 'utf8')
  const cert = readFileSync(join(dir, 'server.crt'), 'utf8') + ca
  server = createServer({ key: readFileSync(join(dir, 'server.key')), cert }, (request, response) => {
    response.setHeader('Content-Type', 'text/html')
    response.end(`<!doctype html><h1>${request.headers.host}</h1>`)
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = (host) => `https://${host}:${server.address().port}/`
})

after(() => {
  server?.close()
  server?.closeAllConnections()
  rmSync(dir, { recursive: true, force: true })
})

// heading opens a page in a browser of its own and returns what its heading says.
async function heading(host, options) {
  const browser = await launch(options)
  try {
    const page = await browser.newPage()
    await page.goto(url(host))
    return await page.textContent('h1')
  } finally {
    await browser.close()
  }
}

test('a page of the trusted authority is shown', async () => {
  assert.match(await heading('app.test.localhost', { ca }), /^app\.test\.localhost:/)
})

test('a mapped name is shown', async () => {
  assert.match(await heading('app.lab.test', { ca, hosts: { 'app.lab.test': '127.0.0.1' } }), /^app\.lab\.test:/)
})

test('without the authority the page is refused', async () => {
  await assert.rejects(heading('app.test.localhost'), /ERR_CERT_AUTHORITY_INVALID/)
})

test('a certificate for another name is refused', async () => {
  await assert.rejects(heading('other.test.localhost', { ca }), /ERR_CERT_COMMON_NAME_INVALID/)
})
