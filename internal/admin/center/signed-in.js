// The window that somebody signed in with again tells the one where they were at work.
"use strict";
new BroadcastChannel("postern-session").postMessage("signed-in");
window.close();
