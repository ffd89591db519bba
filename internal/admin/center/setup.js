// The set-up link carries its code in the fragment, which no server and no log ever sees. This
// copies it into the form. Without script the code is typed.
"use strict";
const code = new URLSearchParams(location.hash.slice(1)).get("code") || location.hash.slice(1);
const field = document.getElementById("code");
if (field && code && !field.value) {
  field.value = code;
  history.replaceState(null, "", location.pathname);
  document.getElementById("name").focus();
}
