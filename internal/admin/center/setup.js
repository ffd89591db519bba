// The set-up link carries its code in the fragment, which no server and no log ever sees. This
// copies it into the form. Without script the code is typed.
"use strict";
function take() {
  const code = new URLSearchParams(location.hash.slice(1)).get("code") || location.hash.slice(1);
  const field = document.getElementById("code");
  if (field && code) {
    field.value = code;
    history.replaceState(null, "", location.pathname);
    document.getElementById("name").focus();
  }
}
take();
// Whoever has the page open already and follows the link stays on it.
addEventListener("hashchange", take);
