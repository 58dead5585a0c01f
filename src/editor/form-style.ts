/** How all our dialogs look: labels of 130 px, which longer words fit into, and fields that take the rest of the row. */
const STYLE = `
.siem-form .form-row > label { width: 130px; }
.siem-form .form-row > label + select, .siem-form .form-row > label + textarea, .siem-form .form-row > label + .red-ui-typedInput-container,
.siem-form .form-row > label + .red-ui-editor-config-node, .siem-form .form-row > label + input:not([style*="width"]) { width: calc(100% - 140px) !important; }
.siem-form .siem-hint { font-size: 0.9em; }
.siem-form .form-tips { max-width: none; width: 0; min-width: 100%; box-sizing: border-box; }
.siem-form .siem-under-label { margin-left: 134px; width: calc(100% - 140px); }
`;

$("<style>").text(STYLE).appendTo(document.head);
