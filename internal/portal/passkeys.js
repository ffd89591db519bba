// Passkeys need a script: the browser gives them to nothing else. Each form with data-passkey shows its button, asks the
// browser, and sends the answer as a field of the form. Everything else on these pages works without.
'use strict'
const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0))
const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '')
const known = (list) => (list || []).map((c) => ({ ...c, id: bytes(c.id) }))

async function ask(options, create) {
  const publicKey = { ...options, challenge: bytes(options.challenge) }
  if (create) {
    publicKey.user = { ...options.user, id: bytes(options.user.id) }
    publicKey.excludeCredentials = known(options.excludeCredentials)
    return navigator.credentials.create({ publicKey })
  }
  publicKey.allowCredentials = known(options.allowCredentials)
  return navigator.credentials.get({ publicKey })
}

function encode(credential) {
  const r = credential.response
  const response = { clientDataJSON: text(r.clientDataJSON) }
  for (const name of ['attestationObject', 'authenticatorData', 'signature', 'userHandle']) {
    if (r[name]) response[name] = text(r[name])
  }
  if (r.getTransports) response.transports = r.getTransports()
  return JSON.stringify({ id: credential.id, rawId: text(credential.rawId), type: credential.type, response,
    clientExtensionResults: credential.getClientExtensionResults() })
}

const sentences = {
  InvalidStateError: 'This device has a passkey here already.',
  NotAllowedError: 'No passkey was given. Try again, or use another way.',
  SecurityError: 'Passkeys do not work at this address.',
}

for (const form of document.querySelectorAll('form[data-passkey]')) {
  if (!window.PublicKeyCredential) break
  form.hidden = false
  const message = form.querySelector('[role=alert]')
  form.addEventListener('submit', async (event) => {
    event.preventDefault()
    message.hidden = true
    const button = form.querySelector('button')
    button.disabled = true
    try {
      const credential = await ask(JSON.parse(form.dataset.options), form.dataset.passkey === 'create')
      form.elements.passkey.value = encode(credential)
      form.submit()
    } catch (error) {
      message.textContent = sentences[error.name] || 'The passkey could not be used: ' + error.message
      message.hidden = false
      button.disabled = false
      button.focus()
    }
  })
}

// A form that only has to be sent on needs no click where scripts run.
for (const form of document.querySelectorAll('form[data-onward]')) form.submit()
