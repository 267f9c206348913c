"""The findings of ``check`` in the forms that CI systems read: each module has ``rendered``."""
