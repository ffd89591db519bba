// Forms of the admin center with everything that can be typed: identity providers of each kind, and an application tried before it is saved.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { demo, open, row, see, visit } from './center.mjs'
import { freePort } from './postern.mjs'

let system

before(async () => { system = await demo() })
after(async () => { await system?.stop() })

const sections = ['How it is reached', 'Who somebody becomes', 'More']

// type fills in fields by their titles: a text is typed, true switches on.
async function type(panel, fields) {
  const form = panel.locator('form')
  for (const [title, value] of Object.entries(fields)) {
    if (value === true) await form.getByRole('switch', { name: title, exact: true }).check()
    else await form.getByRole('textbox', { name: title, exact: true }).fill(value)
  }
}

async function unfold(form) {
  for (const name of sections) {
    const button = form.getByRole('button', { name, exact: true })
    if (await button.getAttribute('aria-expanded') !== 'true') await button.click()
  }
}

// wrongFields gives the titles of the fields that are marked as wrong, each with what is said there.
const wrongFields = (form) => form.locator('[aria-invalid=true]').evaluateAll((list) => list.map((e) => [e.labels[0]?.firstChild.textContent, e.getAttribute('aria-describedby')?.split(' ').map((id) => document.getElementById(id)?.textContent).join(' ')]))

// full leaves out what is not set.
const full = (object) => Object.fromEntries(Object.entries(object).filter(([, value]) => value !== false && value !== ''))

const submit = (form) => form.locator('button[type=submit]').click()

// certificate makes one that signs itself, for localhost.
function certificate() {
  const dir = mkdtempSync(join(tmpdir(), 'postern-forms-'))
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-keyout', join(dir, 'key.pem'), '-out', join(dir, 'cert.pem')], { stdio: 'ignore' })
  const read = (name) => readFileSync(join(dir, name), 'utf8')
  const made = { key: read('key.pem'), cert: read('cert.pem') }
  rmSync(dir, { recursive: true, force: true })
  return made
}

test('a SAML provider: every field is kept, what is wrong stands at its field', async (t) => {
  const { cert } = certificate()
  const metadata = `<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="https://idp.example.com/saml"><IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><KeyDescriptor use="signing"><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>${cert.replace(/-----[^-]+-----|\s/g, '')}</X509Certificate></X509Data></KeyInfo></KeyDescriptor><SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://idp.example.com/sso"/></IDPSSODescriptor></EntityDescriptor>`
  const page = await visit(t, system, { statuses: [422] })
  await open(page, system, '/people/providers')
  await page.getByRole('button', { name: 'Add a provider' }).click()
  const form = page.getByRole('dialog')
  await form.getByRole('radio', { name: /SAML/ }).check()
  await unfold(form)
  await type(form, { Name: 'Federation', 'Address of its metadata': 'http://plain.example.com/metadata', 'Certificate authority (PEM)': 'none', 'A session is good without its word for': '1m', 'Contexts of more than one factor': 'one\none' })
  await submit(form)
  await form.locator('[aria-invalid=true]').first().waitFor()
  const wrong = Object.fromEntries(await wrongFields(form))
  assert.deepEqual(Object.keys(wrong).sort(), ['A session is good without its word for', 'Address of its metadata', 'Certificate authority (PEM)', 'Contexts of more than one factor'], JSON.stringify(wrong))
  assert.match(wrong['A session is good without its word for'], /must be from 15m/)
  await see(page, 'provider-saml-wrong')
  await type(form, {
    'Address of its metadata': '', 'Or its metadata (XML)': metadata, 'It may be in a private network': true, 'It may be on the service’s own machine': true, 'Certificate authority (PEM)': cert, 'What never changes of somebody': 'employeeNumber', 'Attribute with the groups': 'memberOf',
    'Groups of the same name count': true, 'Only those that begin with': 'app-', 'Let in only who has': 'tid=1\ntid=2', 'Let in only addresses of these domains': 'example.com example.org', 'Sign-in name comes from': 'uid', 'Display name comes from': 'cn', 'E-mail address comes from': 'mail', 'Nobody new': true,
    'Take answers that nobody asked for here': true, 'Our entity id': 'urn:example:postern', 'Contexts of more than one factor': 'urn:example:mfa\nurn:example:strong', 'A session is good without its word for': '2h', 'The sign-in page leads there at once': true,
  })
  await submit(form)
  await row(page, 'Federation').waitFor()
  t.after(() => system.cli('upstreams', 'delete', 'Federation', '--yes')) // nobody else is led there
  const made = system.json('upstreams', 'list').find((u) => u.name === 'Federation')
  assert.deepEqual([made.kind, made.default, made.onlyKnown, full(made.saml), full(made.mapping)], ['saml', true, true, {
    metadata, allowPrivate: true, allowLoopback: true, ca: cert, subjectAttribute: 'employeeNumber', groupsAttribute: 'memberOf', idpInitiated: true, entityId: 'urn:example:postern', strongContexts: ['urn:example:mfa', 'urn:example:strong'], proofLife: '2h',
  }, { groupsByName: true, groupPrefix: 'app-', required: [{ claim: 'tid', values: ['1', '2'] }], emailDomains: ['example.com', 'example.org'], name: 'uid', displayName: 'cn', email: 'mail' }])

  await page.getByRole('button', { name: 'Actions for Federation', exact: true }).click() // what was kept is in the form again
  await page.getByRole('menuitem', { name: 'Edit', exact: true }).click()
  await unfold(form)
  assert.equal(await form.getByRole('textbox', { name: 'Contexts of more than one factor' }).inputValue(), 'urn:example:mfa\nurn:example:strong')
  assert.equal(await form.getByRole('textbox', { name: 'Let in only who has' }).inputValue(), 'tid=1\ntid=2')
  assert.equal(await form.getByRole('switch', { name: 'Take answers that nobody asked for here' }).isChecked(), true)
  await see(page, 'provider-saml')
  await type(form, { 'Our entity id': '' })
  await submit(form)
  await form.waitFor({ state: 'detached' })
  assert.equal(system.json('upstreams', 'list').find((u) => u.name === 'Federation').saml.entityId, undefined, 'what was emptied is gone')
})

test('a directory: every field is kept, what is wrong stands at its field, and a server that is away is told of', async (t) => {
  const { cert } = certificate()
  const away = await freePort()
  const page = await visit(t, system, { statuses: [422] })
  await open(page, system, '/people/providers')
  await page.getByRole('button', { name: 'Add a provider' }).click()
  const form = page.getByRole('dialog')
  await form.getByRole('radio', { name: /LDAP|Directory/ }).check()
  await unfold(form)
  await type(form, { Name: 'People', Servers: 'ldap://dc1.example.com', 'Users are below': 'nowhere', Workgroup: 'a\\b', 'Filter for users': '(uid=x)', 'More attributes to read': 'a!b' })
  await submit(form)
  await form.locator('[aria-invalid=true]').first().waitFor()
  const wrong = Object.fromEntries(await wrongFields(form))
  for (const title of ['Users are below', 'Workgroup', 'Filter for users', 'More attributes to read']) assert.ok(wrong[title], `${title}: ${JSON.stringify(wrong)}`)
  await form.getByText('passwords would cross the network', { exact: false }).waitFor() // at the switch that mends it
  await see(page, 'provider-ldap-wrong')
  await type(form, {
    Servers: `ldap://127.0.0.1:${away}\nldaps://dc2.example.com`, 'It is Active Directory': true, 'Users are below': 'dc=corp,dc=example', 'Account that looks people up': 'cn=reader,dc=corp,dc=example', 'Serves names that end with': 'corp.example other.example', Workgroup: 'CORP',
    'Encrypt ldap:// by StartTLS': true, 'It may be on the service’s own machine': true, 'Certificate authority (PEM)': cert, 'Groups of groups count, too': true, 'Groups are below': 'ou=groups,dc=corp,dc=example', 'Filter for groups': '(member={dn})', 'Groups of the same name count': true, 'Only those that begin with': 'app-',
    'Filter for users': '(sAMAccountName={account})', 'What never changes of somebody': 'objectGUID', 'More attributes to read': 'title department', 'Nobody new': true,
  })
  await form.getByLabel('Password', { exact: true }).fill('a secret')
  const attempt = form.getByRole('region', { name: 'Test before saving' })
  await attempt.getByRole('button', { name: 'Test before saving' }).click()
  await attempt.getByText('With these settings it cannot be used.').waitFor()
  await submit(form)
  await row(page, 'People').waitFor()
  const made = system.json('upstreams', 'list').find((u) => u.name === 'People')
  assert.deepEqual([made.kind, made.hasSecret, made.onlyKnown, made.domains, full(made.ldap), full(made.mapping)], ['ldap', true, true, ['corp.example', 'other.example'], {
    urls: [`ldap://127.0.0.1:${away}`, 'ldaps://dc2.example.com'], activeDirectory: true, baseDn: 'dc=corp,dc=example', bindDn: 'cn=reader,dc=corp,dc=example', workgroup: 'CORP', startTls: true, allowLoopback: true, ca: cert,
    nestedGroups: true, groupBase: 'ou=groups,dc=corp,dc=example', groupFilter: '(member={dn})', userFilter: '(sAMAccountName={account})', subjectAttribute: 'objectGUID', attributes: ['title', 'department'],
  }, { groupsByName: true, groupPrefix: 'app-' }])
  await page.getByRole('button', { name: 'Actions for People', exact: true }).click()
  await page.getByRole('menuitem', { name: 'Edit', exact: true }).click()
  await unfold(form)
  assert.equal(await form.getByRole('textbox', { name: 'Servers' }).inputValue(), `ldap://127.0.0.1:${away}\nldaps://dc2.example.com`)
  await see(page, 'provider-ldap')
})

test('an application is tried by its connector before it is saved: reached, a wrong port, a certificate that is not trusted', async (t) => {
  const { key, cert } = certificate()
  let asked = 0
  const server = createServer({ key, cert }, (_, response) => { asked++; response.statusCode = 418; response.end() })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => new Promise((resolve) => { server.closeAllConnections(); server.close(resolve) }))
  const page = await visit(t, system)
  await open(page, system, '/applications')
  await page.getByRole('button', { name: 'Publish an application' }).click()
  await page.getByRole('textbox', { name: /^Name/ }).fill('Tried')
  await page.getByRole('textbox', { name: /^Internal URL/ }).fill(`https://127.0.0.1:${server.address().port}/`)
  const trial = page.getByRole('region', { name: 'Test before saving' })
  const button = trial.getByRole('button').first()
  await button.click()
  await trial.getByText('demo', { exact: true }).waitFor()
  await trial.getByText(/Certificate of .*localhost/).waitFor()
  await trial.getByText('It is not trusted:', { exact: false }).waitFor()
  await see(page, 'application-try-untrusted')
  await page.getByRole('button', { name: 'How the application is spoken to' }).click()
  await page.getByRole('textbox', { name: 'Its certificate authority (PEM)' }).fill(cert)
  await trial.getByText('What you changed since then is not tested yet.', { exact: false }).waitFor()
  await button.click()
  await trial.getByText('Answered with status 418', { exact: false }).waitFor()
  await trial.getByText('The connector trusts it.', { exact: false }).waitFor()
  assert.ok(asked >= 1, 'the connector really asked')
  await see(page, 'application-try-good')
  await page.getByRole('textbox', { name: /^Internal URL/ }).fill(`https://127.0.0.1:${await freePort()}/`)
  await button.click()
  await trial.getByText('refused', { exact: false }).first().waitFor()
  await see(page, 'application-try-away')
  assert.ok(!system.json('applications', 'list').some((a) => a.name === 'Tried'), 'nothing was stored')
})
