// What the pages do by themselves: fetch what changes, search as one types, and submit forms without loading the page.
// All of it is there without this, too.
'use strict';

const PAUSE_MS = 2000;
const TYPING_MS = 250;
const live = document.getElementById('live');
const connection = document.getElementById('connection');
const button = document.getElementById('pause');
const main = document.getElementById('main');
let paused = false;
let timer;

const parse = text => new DOMParser().parseFromString(text, 'text/html');

async function load(url, options) {
    const response = await fetch(url, { headers: { accept: 'text/html' }, ...options });
    return parse(await response.text());
}

function say(text) {
    if (connection.textContent !== text) {
        connection.textContent = text;
    }
}

// Somebody who reads with the keyboard, or has marked something, keeps the place.
const isInUse = () => live.contains(document.activeElement) || (getSelection().toString() !== '' && live.contains(getSelection().anchorNode));

async function refresh(anyway) {
    clearTimeout(timer);
    try {
        if (anyway || !(paused || document.hidden || isInUse())) {
            const asked = location.href;
            const fresh = (await load(asked)).getElementById('live');
            if (fresh && asked === location.href && (anyway || !(paused || isInUse()))) {
                const scrolled = [...live.querySelectorAll('.frame')].map(frame => frame.scrollLeft);
                live.replaceChildren(...fresh.childNodes);
                live.querySelectorAll('.frame').forEach((frame, at) => { frame.scrollLeft = scrolled[at] ?? 0; });
            }
            say('');
        }
    } catch {
        say('The server does not answer');
    }
    timer = setTimeout(refresh, PAUSE_MS);
}

function follow() {
    const label = () => { button.textContent = paused ? 'Resume updates' : 'Pause updates'; };
    button.hidden = false;
    label();
    button.addEventListener('click', () => {
        paused = !paused;
        label();
        refresh();
    });
    timer = setTimeout(refresh, PAUSE_MS);
}

function searchAsTyped(form) {
    let typing;
    const search = () => {
        const url = new URL(location.href);
        url.search = form.q.value === '' ? '' : new URLSearchParams({ q: form.q.value });
        history.replaceState(null, '', url);
        refresh(true);
    };
    form.q.addEventListener('input', () => {
        clearTimeout(typing);
        typing = setTimeout(search, TYPING_MS);
    });
    form.addEventListener('submit', event => {
        event.preventDefault();
        search();
    });
}

function callInPlace(form) {
    const submit = form.querySelector('button');
    const result = document.getElementById('result');
    form.addEventListener('submit', async event => {
        event.preventDefault();
        if (submit.getAttribute('aria-disabled') === 'true') {
            return;
        }
        submit.setAttribute('aria-disabled', 'true');
        result.setAttribute('aria-busy', 'true');
        try {
            const page = await load(form.action, { method: 'POST', body: new URLSearchParams(new FormData(form)) });
            const answer = page.getElementById('result');
            result.replaceChildren(...(answer ?? page.body).childNodes);
            for (const field of page.querySelectorAll('#call .field')) {
                const control = field.querySelector('[name]');
                const ours = document.getElementById(control.id);
                ours.closest('.field').querySelector('.fault')?.remove();
                ours.toggleAttribute('aria-invalid', false);
                if (control.hasAttribute('aria-invalid')) {
                    ours.setAttribute('aria-invalid', 'true');
                    ours.after(field.querySelector('.fault'));
                }
            }
        } catch {
            result.textContent = 'The server does not answer.';
        }
        result.removeAttribute('aria-busy');
        submit.removeAttribute('aria-disabled');
        form.querySelector('[aria-invalid]')?.focus();
    });
}

if (live) {
    follow();
}
main.querySelectorAll('form.search').forEach(searchAsTyped);
main.querySelectorAll('form#call').forEach(callInPlace);
