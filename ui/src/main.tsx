import { createDOMRenderer, RendererProvider } from '@fluentui/react-components'
import { QueryClientProvider } from '@tanstack/react-query'
import { createRoot } from 'react-dom/client'
import { newClient } from './api/queries'
import { App } from './app'
import { ThemeProvider } from './theme'

// The content security policy lets styles in that carry this answer's nonce: those that Fluent makes as it goes.
const nonce = document.querySelector<HTMLMetaElement>('meta[property=csp-nonce]')?.nonce ?? ''
const renderer = createDOMRenderer(document, { styleElementAttributes: { nonce } })

createRoot(document.getElementById('root')!).render(
  <RendererProvider renderer={renderer}>
    <QueryClientProvider client={newClient()}>
      <ThemeProvider><App /></ThemeProvider>
    </QueryClientProvider>
  </RendererProvider>,
)
